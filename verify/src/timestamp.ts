import { createHash, verify, X509Certificate } from "node:crypto";
import { type CheckTimestamp, LogError, parseTimestamp } from "@runledger/contract";

/** id-kp-timeStamping: RFC 3161, section 2.3. */
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
/** What `verify` checks by PKCS #1 v1.5 and by ECDSA. */
const KEY_TYPES = new Set(["rsa", "ec"]);

/**
 * Checks time stamps (TimeStampResp, RFC 3161) against the authority's certificate, PEM or DER, that the caller trusts: what nobody signed in the
 * token, its certificates too, is not asked. @throws LogError `malformed` when it is no certificate for time stamping.
 */
export function createTimestampCheck(certificate: Uint8Array): CheckTimestamp {
  const authority = parseCertificate(certificate);
  return async (token, stamped) => {
    const stamp = parseTimestamp(token);
    const isOf = (digest: string, bytes: Uint8Array, hash: Buffer): boolean =>
      createHash(digest).update(bytes).digest().equals(hash);
    const { imprint, digest } = stamp;
    if (!isOf(imprint.digest, stamped, imprint.hash)) throw doesNotHold("it is of something else");
    if (!isOf(digest, stamp.info, stamp.messageDigest)) throw doesNotHold("what it says is not what was signed");
    if (!stamp.certificates.every((named) => isOf(named.digest, authority.raw, named.hash)))
      throw doesNotHold("its signer names another certificate");
    if (!verify(digest, stamp.attributes, authority.publicKey, stamp.signature))
      throw doesNotHold("it is not signed by the authority's key");
    const timeMs = Date.parse(stamp.time);
    if (!(timeMs >= authority.validFromDate.getTime() && timeMs <= authority.validToDate.getTime()))
      throw doesNotHold(`it is of ${stamp.time}, when the authority's certificate was not valid`);
    return stamp.time;
  };
}

function doesNotHold(why: string): LogError {
  return new LogError("mismatch", `the time stamp does not hold: ${why}`);
}

function parseCertificate(bytes: Uint8Array): X509Certificate {
  let certificate: X509Certificate;
  let keyType: string | undefined;
  try {
    certificate = new X509Certificate(bytes);
    keyType = certificate.publicKey.asymmetricKeyType;
  } catch (cause) {
    throw new LogError("malformed", "--tsa-cert: a certificate in PEM or DER is expected", cause);
  }
  if (!(certificate.keyUsage ?? []).includes(TIME_STAMPING))
    throw new LogError(
      "malformed",
      "--tsa-cert: this certificate is not one for time stamping: name the authority's own, not its issuer's",
    );
  if (!KEY_TYPES.has(keyType ?? ""))
    throw new LogError("malformed", "--tsa-cert: only stamps by RSA (PKCS #1 v1.5) and ECDSA keys are checked");
  return certificate;
}
