/** What keys and tokens look like, by those who issue them: their documented prefixes, lengths and alphabets. */
export const SECRET_PATTERNS: readonly RegExp[] = [
  // PEM (RFC 7468); one whose end is cut off is one too.
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // AWS access key ids. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g,
  // GitHub. Source: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats
  /\bgh[pousr]_[A-Za-z0-9]{36,255}\b/g,
  /\bgithub_pat_[A-Za-z0-9_]{40,255}\b/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  // OpenAI, Anthropic and those who took over their form.
  /\bsk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}/g,
  /\bAIza[A-Za-z0-9_-]{35}/g,
  /\bya29\.[A-Za-z0-9_-]{20,}/g,
  /\bhf_[A-Za-z0-9]{30,}\b/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g,
  /\bhttps:\/\/hooks\.slack\.com\/services\/[A-Za-z0-9/]{20,}/g,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b/g,
  /\bwhsec_[A-Za-z0-9+/=]{20,}/g,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g,
  // JWS and JWE in compact form (RFC 7515, 7516): the header begins with `{"`.
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3}/g,
];

/** Words before a secret, which stay; the second group is what goes. */
export const TOLD_SECRET_PATTERNS: readonly RegExp[] = [
  // RFC 6750, 7617
  /\b(bearer\s+|basic\s+)([A-Za-z0-9._~+/-]{12,}={0,2})/gi,
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"'<>]{0,100}:)([^\s@/"'<>]{1,200})(?=@)/gi,
  /((?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|client[_-]?secret)["']?\s{0,3}[:=]\s{0,3}["']?)([^\s"',;{}[\]]{6,200})/gi,
];

/** A JSON member, a parameter or a header of such a name is a secret whatever it looks like. */
const SECRET_NAME =
  /^(?:.*[_-])?(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|(?:auth|access|refresh|id|session)[_-]?token|client[_-]?secret|secret[_-]?access[_-]?key|authorization|cookie|credentials?)$/i;

export function isSecretName(name: string): boolean {
  return name.length <= 64 && SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, "$1_$2"));
}
