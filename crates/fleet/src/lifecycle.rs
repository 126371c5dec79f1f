//! Which moves in a pump's life are allowed, by whom, and what follows from each.
//!
//! | from \ act | enrol | link | quarantine | release | report lost | find | retire | re-enrol | return loaner |
//! |---|---|---|---|---|---|---|---|---|---|
//! | expected | enrolled | – | quarantined | – | lost | – | retired | – | retired |
//! | enrolled | enrolled | in service | quarantined | – | lost | – | retired | expected | retired |
//! | in service | in service | in service | quarantined | – | lost | – | retired | expected | retired |
//! | quarantined | – | – | – | enrolled or expected | lost | – | retired | expected | retired |
//! | lost | – | – | – | – | – | expected | retired | – | – |
//! | retired | – | – | – | – | – | – | – | – | – |
//!
//! None of these moves reaches the pump's therapy (N8): all that follows is that a link is cut or a certificate revoked,
//! and a pump without a link infuses as before.

use core::fmt;

use serde::{Deserialize, Serialize};
use wardline_model::{Ending, Lifecycle, Role, covers};

/// Something that moves a pump in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The pump proved who it is and got a certificate (renewals too).
    Enrol,
    /// The pump linked with its certificate.
    Link,
    /// Take it down: no link, no enrolment; reversible.
    Quarantine,
    /// Undo a quarantine.
    Release,
    /// Nobody knows where it is: its certificate is revoked.
    ReportLost,
    /// A lost pump was found: it must enrol again.
    Find,
    /// The end of its life; not reversible.
    Retire,
    /// Give up its certificate and let it enrol again, as after a repair.
    ReEnrol,
    /// It goes back to whoever lent it: the end of its life here, not reversible.
    ReturnLoaner,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 9] = [
        Self::Enrol,
        Self::Link,
        Self::Quarantine,
        Self::Release,
        Self::ReportLost,
        Self::Find,
        Self::Retire,
        Self::ReEnrol,
        Self::ReturnLoaner,
    ];

    /// The roles that may do it. Empty for what only the hub does, on proof that the pump gave.
    ///
    /// Taking down is open to biomed as well as to security, because minutes count.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Enrol | Self::Link => &[],
            Self::Quarantine | Self::Release | Self::ReportLost | Self::Find => {
                &[Role::Biomed, Role::Security, Role::Administrator]
            }
            Self::Retire | Self::ReEnrol | Self::ReturnLoaner => &[Role::Biomed, Role::Administrator],
        }
    }

    /// The verb on the screen and in the audit, such as "quarantine".
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Link => "link",
            Self::Quarantine => "quarantine",
            Self::Release => "release from quarantine",
            Self::ReportLost => "report lost",
            Self::Find => "report found",
            Self::Retire => "retire",
            Self::ReEnrol => "re-enrol",
            Self::ReturnLoaner => "give back",
        }
    }
}

/// Who wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A signed-in person in this role.
    Person(Role),
    /// The hub itself, on proof that the pump just gave.
    Hub,
}

/// Whether the pump has a certificate that is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It has one.
    Current,
    /// It has none, or what it had is revoked.
    None,
}

/// Where a pump is before the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its place in its life.
    pub lifecycle: Lifecycle,
    /// Whether it has a certificate.
    pub certificate: Certificate,
}

/// What a decision leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// The pump's new place in its life.
    pub lifecycle: Lifecycle,
    /// What happens to its live link.
    pub link: LinkFate,
    /// What happens to its certificate.
    pub certificate: CertificateFate,
}

/// What happens to a live link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFate {
    /// It stays up.
    Kept,
    /// It is closed at once, and the next handshake is refused.
    Cut,
}

/// What happens to the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFate {
    /// Still good (though unusable while quarantined).
    Kept,
    /// Revoked for good.
    Revoked,
}

/// Why a move is not allowed. It prints as a sentence for the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The pump is not where this act can start.
    #[error("cannot {} a pump that is {from}: {}", .act.verb(), hint(*.act, *.from))]
    NotFromHere {
        /// What was asked.
        act: Act,
        /// Where the pump is.
        from: Lifecycle,
    },
    /// The role does not allow it.
    #[error("the role {role} may not {}: ask {}", .act.verb(), Roles(.act.roles()))]
    NotByYou {
        /// What was asked.
        act: Act,
        /// The role of the person.
        role: Role,
    },
    /// Only the pump can bring it about.
    #[error("nobody can {} a pump by hand: it happens when the pump proves who it is", .act.verb())]
    NotByPeople {
        /// What was asked.
        act: Act,
    },
    /// The hub never does it by itself.
    #[error("only a person may {} a pump", .act.verb())]
    NotByHub {
        /// What was asked.
        act: Act,
    },
}

struct Roles(&'static [Role]);

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, role) in self.0.iter().enumerate() {
            let between = if i == 0 { "" } else { " or " };
            write!(f, "{between}{role}")?;
        }
        Ok(())
    }
}

/// What to do instead.
const fn hint(act: Act, from: Lifecycle) -> &'static str {
    match (from, act) {
        (Lifecycle::Retired, _) => "retirement is final; put a pump that comes back on the list under a new serial",
        (Lifecycle::Lost, Act::Retire | Act::Find) => "this is allowed",
        (Lifecycle::Lost, _) => "report it found first",
        (Lifecycle::Quarantined, Act::Quarantine) => "it is taken down already",
        (Lifecycle::Quarantined, _) => "release it from quarantine first",
        (Lifecycle::Expected, Act::Link | Act::ReEnrol) => "it has no certificate yet and may enrol as it is",
        (_, Act::Release) => "it is not in quarantine",
        (_, Act::Find) => "it is not lost",
        _ => "there is nothing to do",
    }
}

/// Whether `by` may do `act` to a pump that is `before`, and what follows.
///
/// # Errors
/// [`Refused`], which prints the reason and the next step.
pub fn decide(before: Before, act: Act, by: By) -> Result<After, Refused> {
    covers!("N8");
    match by {
        By::Person(_) if act.roles().is_empty() => return Err(Refused::NotByPeople { act }),
        By::Person(role) if !act.roles().contains(&role) => return Err(Refused::NotByYou { act, role }),
        // A rule of the hub may take a pump down (intrusion, a clone); every other human act needs a human.
        By::Hub if !act.roles().is_empty() && act != Act::Quarantine => return Err(Refused::NotByHub { act }),
        By::Person(_) | By::Hub => {}
    }
    let lifecycle = next(before, act).ok_or(Refused::NotFromHere { act, from: before.lifecycle })?;
    let certificate = match act {
        Act::ReportLost | Act::Retire | Act::ReEnrol | Act::ReturnLoaner => CertificateFate::Revoked,
        Act::Enrol | Act::Link | Act::Quarantine | Act::Release | Act::Find => CertificateFate::Kept,
    };
    let link = if lifecycle.may_link() { LinkFate::Kept } else { LinkFate::Cut };
    Ok(After { lifecycle, link, certificate })
}

fn next(before: Before, act: Act) -> Option<Lifecycle> {
    use Lifecycle::{Enrolled, Expected, InService, Lost, Quarantined, Retired};
    match (before.lifecycle, act) {
        (Expected, Act::Enrol) => Some(Enrolled),
        (Enrolled | InService, Act::Enrol) => Some(before.lifecycle),
        (Enrolled | InService, Act::Link) => Some(InService),
        (Expected | Enrolled | InService, Act::Quarantine) => Some(Quarantined),
        // Trust is given back one step early: the pump is in service again when it has linked.
        (Quarantined, Act::Release) => Some(match before.certificate {
            Certificate::Current => Enrolled,
            Certificate::None => Expected,
        }),
        (Expected | Enrolled | InService | Quarantined, Act::ReportLost) => Some(Lost),
        (Lost, Act::Find) => Some(Expected),
        (Expected | Enrolled | InService | Quarantined | Lost, Act::Retire) => Some(Retired),
        (Expected | Enrolled | InService | Quarantined, Act::ReturnLoaner) => Some(Retired),
        (Enrolled | InService | Quarantined, Act::ReEnrol) => Some(Expected),
        (Expected, Act::Link | Act::Release | Act::Find | Act::ReEnrol)
        | (Enrolled | InService, Act::Release | Act::Find)
        | (Quarantined, Act::Enrol | Act::Link | Act::Quarantine | Act::Find)
        | (
            Lost,
            Act::Enrol
            | Act::Link
            | Act::Quarantine
            | Act::Release
            | Act::ReportLost
            | Act::ReEnrol
            | Act::ReturnLoaner,
        )
        | (Retired, _) => None,
    }
}

/// The sentence that a person reads before the act: what it does to the pump and what it does not do.
#[must_use]
pub const fn consequence(act: Act) -> &'static str {
    match act {
        Act::Enrol => "The pump gets a certificate.",
        Act::Link => "The pump is in service.",
        Act::Quarantine => {
            "Its link is cut now and its next handshake is refused. Therapy is not touched. Other pumps notice nothing. \
             It can be undone."
        }
        Act::Release => "It may link again with the certificate that it has. Therapy is not touched.",
        Act::ReportLost => {
            "Its link is cut, its certificate is revoked for good, and it may not enrol until it is reported found. The \
             next time it reaches the hub it is told to destroy its keys and data. Therapy is not touched."
        }
        Act::Find => "It is expected again and must enrol anew. Therapy is not touched.",
        Act::Retire => {
            "Its link is cut, its certificate is revoked, and it is told to destroy its keys and data; it may never enrol \
             again. Therapy is not touched. It cannot be undone."
        }
        Act::ReEnrol => {
            "Its certificate is revoked and it must enrol anew, with its maker's certificate or a one-time code. Therapy \
             is not touched."
        }
        Act::ReturnLoaner => {
            "Its link is cut, its certificate is revoked, and it is told to destroy its keys and data before it goes back. \
             Therapy is not touched. It cannot be undone."
        }
    }
}

/// Why the pump is told to forget everything, if this act ends its time in the hospital.
#[must_use]
pub const fn ending(act: Act) -> Option<Ending> {
    match act {
        Act::ReportLost => Some(Ending::Lost),
        Act::Retire => Some(Ending::Retired),
        Act::ReturnLoaner => Some(Ending::LoanerReturn),
        Act::Enrol | Act::Link | Act::Quarantine | Act::Release | Act::Find | Act::ReEnrol => None,
    }
}

/// Why somebody decided something: demanded for every act of a person, shown on the screen and kept in the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

/// What was wrong with a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// There is none.
    #[error("a reason is needed: say in a few words why, for the audit and for the next shift")]
    Missing,
    /// Longer than a screen line or two.
    #[error("the reason is longer than {} characters", Reason::LONGEST)]
    TooLong,
    /// It holds a character that could deceive a screen or a log.
    #[error("the reason holds a control or text-direction character")]
    ControlCharacter,
}

impl Reason {
    /// The most characters: two lines on the screen.
    pub const LONGEST: usize = 280;

    /// Trims and checks what a person typed.
    ///
    /// # Errors
    /// A [`ReasonError`] sentence.
    pub fn new(text: &str) -> Result<Self, ReasonError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReasonError::Missing);
        }
        if text.chars().count() > Self::LONGEST {
            return Err(ReasonError::TooLong);
        }
        let deceives = |c: char| {
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if text.chars().any(deceives) {
            return Err(ReasonError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
