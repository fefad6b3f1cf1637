import { X509Certificate } from "node:crypto";
import { type CheckTimestamp, LogError } from "@runledger/contract";
import { ASN1Obj, RFC3161Timestamp } from "@sigstore/core";

/** id-kp-timeStamping: RFC 3161, section 2.3. */
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const GRANTED = new Set([0, 1]);

/** Of RSA the library takes SHA-256 alone: the OID may name the key only, and then the digest is the signer's (RFC 8017, A.2.4; RFC 5754, 3.2). */
class Timestamp extends RFC3161Timestamp {
  override get signatureAlgorithm(): string {
    return super.signatureAlgorithm ?? this.signerDigestAlgorithm;
  }
}

/**
 * Checks time stamps (TimeStampResp, RFC 3161) against the authority's certificate, PEM or DER, that the caller trusts: what stands in the token is
 * not asked. @throws LogError `malformed` when it is no certificate for time stamping.
 */
export function createTimestampCheck(certificate: Uint8Array): CheckTimestamp {
  const authority = parseCertificate(certificate);
  return async (token, stamped) => {
    try {
      const parsed = new Timestamp(ASN1Obj.parseBuffer(Buffer.from(token)));
      if (!GRANTED.has(Number(parsed.status)))
        throw new LogError("mismatch", `the authority refused it, with status ${parsed.status}`);
      parsed.verify(Buffer.from(stamped), authority.publicKey);
      const time = parsed.signingTime;
      if (time < new Date(authority.validFrom) || time > new Date(authority.validTo))
        throw new LogError(
          "mismatch",
          `it is of ${time.toISOString()}, when the authority's certificate was not valid`,
        );
      return time.toISOString();
    } catch (error) {
      if (error instanceof LogError) throw error;
      // What a hostile token makes a parser throw is as good as a wrong signature.
      throw new LogError(
        "mismatch",
        `the time stamp does not hold: ${error instanceof Error ? error.message : String(error)}`,
        error,
      );
    }
  };
}

function parseCertificate(bytes: Uint8Array): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(bytes);
  } catch (cause) {
    throw new LogError("malformed", "--tsa-cert: a certificate in PEM or DER is expected", cause);
  }
  if (!(certificate.keyUsage ?? []).includes(TIME_STAMPING))
    throw new LogError(
      "malformed",
      "--tsa-cert: this certificate is not one for time stamping: name the authority's own, not its issuer's",
    );
  return certificate;
}
