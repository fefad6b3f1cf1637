/** What went wrong, in the words of what failed: content, so that some keys show only that it did. */
export function ErrorMessage({ message }: { message: string | null }) {
  if (message !== null) return message;
  return <span className="muted">No message, or one that takes the role investigator.</span>;
}
