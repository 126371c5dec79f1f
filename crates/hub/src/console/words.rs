//! Short fixed words that programs compare, said for people. A word that is not known here is shown as it is.

/// What an audit record's action means.
pub(super) fn action(action: &str) -> Option<&'static str> {
    Some(match action {
        "account.create" => "account made",
        "account.disable" => "account disabled",
        "account.enable" => "account enabled",
        "account.password" => "password set",
        "account.role" => "role changed",
        "account.change" => "account changed",
        "audit.checkpoint" => "audit checkpoint signed",
        "audit.verify" => "audit trail verified",
        "certificate.issue" => "certificate issued",
        "certificate.overdue" => "certificate is running out",
        "certificate.revoke" => "certificate revoked",
        "certificate.use" => "certificate used for the first time",
        "enrolment-code.create" => "one-time code made",
        "enrolment-code.use" => "one-time code used",
        "enrolment.refused" => "enrolment refused",
        "goal.give" | "goal.set" => "goals given",
        "hub.init" => "hub set up",
        "keys.change-master" => "master key changed",
        "keys.rotate" => "database key changed",
        "link.refused" => "link refused",
        "pump.edit" => "pump's entry changed",
        "pump.expect" => "put on the list",
        "pump.found" => "reported found",
        "pump.in-service" => "taken into service",
        "pump.enrol" => "enrolled",
        "pump.lost" => "reported lost",
        "pump.quarantine" | "pump.quarantined" => "quarantined",
        "pump.quarantine.undo" => "quarantine decision taken back",
        "pump.quarantine.expired" => "quarantine reached its end",
        "pump.re-enrol" => "told to enrol anew",
        "pump.release" => "released from quarantine",
        "pump.retire" | "pump.retired" => "retired",
        "release.publish" => "release published",
        "release.upload" => "upload",
        "release.withdraw" => "release withdrawn",
        "rollout.advance" => "next ring began",
        "rollout.cancelled" => "rollout ended",
        "rollout.halted" => "rollout stopped itself",
        "rollout.finished" => "rollout finished",
        "rollout.paused" | "rollout.pause" => "rollout paused",
        "rollout.running" | "rollout.resume" => "rollout resumed",
        "rollout.start" => "rollout started",
        "session.close" => "signed out",
        "session.open" => "signed in",
        "session.sign-in" | "session.sign-in-once" => "sign-in",
        "sign-in-link.create" => "sign-in link made",
        "token.create" => "token made",
        "token.revoke" => "token revoked",
        _ => return None,
    })
}

/// Why somebody was refused at the door: the counted words of `tls`, `link` and `est`.
pub(super) fn refusal(word: &str) -> &str {
    match word {
        "unknown-pump" => "its certificate names a pump that is not on the list",
        "quarantined" => "the pump is quarantined",
        "lost" => "the pump was reported lost",
        "retired" => "the pump is retired",
        "replaced-certificate" => "an old certificate that a newer one has replaced: look for a copied key",
        "unreadable-certificate" => "its certificate cannot be read",
        "not-a-pump-certificate" => "its certificate is not a pump's",
        "expired" => "its certificate has ended",
        "not-valid-yet" => "its certificate has not begun: look at its clock",
        "unknown-issuer" => "its certificate comes from an authority that this hub does not know",
        "wrong-usage" => "its certificate is not made for this use",
        "bad-signature" => "the signature on its certificate is wrong",
        "bad-certificate" => "its certificate breaks a rule",
        "no-certificate" => "it showed no certificate",
        "old-tls" => "it speaks only old TLS versions",
        "not-tls" => "it does not speak TLS: a scanner, most likely",
        "peer-refused-us" => {
            "it did not trust this hub: a browser that was not told of the authority, or somebody else's pump"
        }
        "bad-handshake" => "the handshake broke a rule",
        "slow-handshake" => "it did not finish the handshake in time",
        "too-many-connections" => "too many connections at once",
        "too-many-from-one-address" => "too many connections from this address",
        "second-link" => "a second link of the same pump: look for a copied key",
        "too-many-codes" => "too many one-time codes tried",
        "key-of-another-pump" => {
            "it asks for a certificate for another pump's key: two pumps with one key, or a copied one"
        }
        "same-key" => "it asks for a second certificate for the same key",
        "refused-by-rule" => "a rule of the hospital refuses it",
        "denied" => "a person denied its enrolment",
        "too-many-waiting" => "too many pumps wait for a person to approve them",
        "bad-request" => "its request was not understood",
        other => other,
    }
}
