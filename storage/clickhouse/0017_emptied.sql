-- Whether a rebuild took out what the journal had brought, and it has not been there since: what its log lacked then comes again.
ALTER TABLE journals ADD COLUMN IF NOT EXISTS emptied Bool DEFAULT false;
