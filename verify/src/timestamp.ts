import { X509Certificate } from "node:crypto";
import { type CheckTimestamp, LogError } from "@runledger/contract";
import { ASN1Obj, RFC3161Timestamp } from "@sigstore/core";
import { signedPartOf } from "./timestamp-token.ts";

/** id-kp-timeStamping: RFC 3161, section 2.3. */
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

/** The library asks the signature's algorithm for the digest, of ECDSA alone: it is the signer's (RFC 5652, 5.4). */
class Timestamp extends RFC3161Timestamp {
  override get signatureAlgorithm(): string {
    return this.signerDigestAlgorithm;
  }
}

/**
 * Checks time stamps (TimeStampResp, RFC 3161) against the authority's certificate, PEM or DER, that the caller trusts: what nobody signed in the
 * token, its certificates too, is not asked. @throws LogError `malformed` when it is no certificate for time stamping.
 */
export function createTimestampCheck(certificate: Uint8Array): CheckTimestamp {
  const authority = parseCertificate(certificate);
  return async (token, stamped) => {
    try {
      const parsed = new Timestamp(ASN1Obj.parseBuffer(signedPartOf(token)));
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
