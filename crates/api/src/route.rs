//! The table of routes.
//!
//! A row says who may call it before it says what it does. There is no default: [`Access`] has to be written for each
//! row, and `Anyone` is allowed only for the sign-in pages, the assets and the health check (a test holds the list).

use crate::described::{Described, Schema};
use crate::permission::Permission;
use crate::types as t;

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Changes.
    Patch,
    /// Puts bytes in a place.
    Put,
    /// Takes away.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a call may change something, and so needs a proof that it was meant (CSRF, attack class A27).
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Get)
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone, signed in or not.
    Anyone,
    /// Everyone who is signed in.
    SignedIn,
    /// Those whose role holds the permission.
    Needs(Permission),
}

/// What a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// JSON for programs: a token or a session.
    Api,
    /// A page for people: a session.
    Page,
    /// A form of a page: a session, and the form's own token.
    Form,
}

/// A type's description, as a function so that the table stays `const`.
pub type DescribedBy = fn(&mut Schema) -> serde_json::Value;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Which.
    pub id: RouteId,
    /// Its method.
    pub method: Method,
    /// Its path, with `{names}` for the parts that vary.
    pub path: &'static str,
    /// What it is for.
    pub surface: Surface,
    /// Who may call it.
    pub access: Access,
    /// The name under which its decisions and refusals are found in the audit trail; reads have none.
    pub audit: Option<&'static str>,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The request's body, for JSON.
    pub request: Option<DescribedBy>,
    /// The answer's body, for JSON.
    pub response: Option<DescribedBy>,
}

impl Route {
    /// The row of an id.
    #[must_use]
    pub fn of(id: RouteId) -> &'static Self {
        &ROUTES[id as usize]
    }
}

const fn ty<T: Described>() -> Option<DescribedBy> {
    Some(T::schema)
}

macro_rules! routes {
    ($($id:ident $method:ident $path:literal $surface:ident ($access:expr) $audit:expr, $request:expr, $response:expr, $summary:literal;)+) => {
        /// Every route by name: the hub's router is an exhaustive `match` over it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RouteId {
            $(#[doc = $summary] $id,)+
        }

        /// The whole HTTP surface, in the order of [`RouteId`].
        pub static ROUTES: &[Route] = &[
            $(Route {
                id: RouteId::$id,
                method: Method::$method,
                path: $path,
                surface: Surface::$surface,
                access: $access,
                audit: $audit,
                summary: $summary,
                request: $request,
                response: $response,
            },)+
        ];
    };
}

use Access::{Anyone, Needs, SignedIn};
use Permission::{
    ChangeAuthorities, EnrolPumps, ManageAccounts, QuarantinePumps, ReadAudit, ReadFleet, ReadMetrics, RestorePumps,
    RetirePumps, RunRollouts, SetEnrolmentRules, SetRules, UploadReleases, VerifyAudit,
};

routes! {
    // The HTTP API.
    ApiOpenApi Get "/api/openapi.json" Api (SignedIn) None, None, None, "This document";
    ApiWhoAmI Get "/api/v1/whoami" Api (SignedIn) None, None, ty::<t::WhoAmI>(), "Who the caller is and what it may do";
    ApiOverview Get "/api/v1/overview" Api (Needs(ReadFleet)) None, None, ty::<t::Overview>(), "The fleet at a glance";
    ApiPumps Get "/api/v1/pumps" Api (Needs(ReadFleet)) None, None, ty::<t::PumpPage>(), "Search, filter and sort pumps";
    ApiPumpsQuarantine Post "/api/v1/pumps/quarantine" Api (Needs(QuarantinePumps)) Some("pump.quarantine"), ty::<t::ChosenPumps>(), ty::<t::Decided>(), "Quarantine several pumps at a level; therapy is not touched";
    ApiPumpsPreview Post "/api/v1/pumps/quarantine/preview" Api (Needs(QuarantinePumps)) Some("pump.quarantine.preview"), ty::<t::PreviewOf>(), ty::<t::Preview>(), "What a quarantine of a set would do, before it is decided; changes nothing";
    ApiHeldPumps Get "/api/v1/quarantine" Api (Needs(ReadFleet)) None, None, ty::<t::HeldPumps>(), "Every pump that is held at some level, with why, by whom and until when";
    ApiPump Get "/api/v1/pumps/{pump}" Api (Needs(ReadFleet)) None, None, ty::<t::PumpDetail>(), "Everything known of one pump";
    ApiPumpEvents Get "/api/v1/pumps/{pump}/events" Api (Needs(ReadFleet)) None, None, ty::<t::PumpEvents>(), "A pump's events, newest first";
    ApiPumpQuarantine Post "/api/v1/pumps/{pump}/quarantine" Api (Needs(QuarantinePumps)) Some("pump.quarantine"), ty::<t::TakeDown>(), ty::<t::Decided>(), "Quarantine one pump at a level, or raise or lower it; therapy is not touched";
    ApiTakeDownRules Get "/api/v1/quarantine/rules" Api (Needs(ReadFleet)) None, None, ty::<t::TakeDownRules>(), "The rules by which the hub takes pumps down by itself";
    ApiTakeDownRulesSet Put "/api/v1/quarantine/rules" Api (Needs(SetRules)) Some("quarantine.rules"), ty::<t::TakeDownRules>(), ty::<t::TakeDownRules>(), "Set the rules by which the hub takes pumps down by itself";
    ApiStrangers Get "/api/v1/strangers" Api (Needs(ReadFleet)) None, None, ty::<t::Strangers>(), "Who was refused at the door, counted; filters search, reason and page";
    ApiSuspects Get "/api/v1/suspects" Api (Needs(ReadFleet)) None, None, ty::<t::Suspects>(), "Signs that a pump's key is in two hands or is misused";
    ApiSuspectsClose Post "/api/v1/pumps/{pump}/suspects/close" Api (Needs(RestorePumps)) Some("suspect.close"), ty::<t::Reason>(), None, "A person has seen to the signs about a pump";
    ApiPumpUndo Post "/api/v1/pumps/{pump}/quarantine/undo" Api (Needs(RestorePumps)) Some("pump.quarantine.undo"), ty::<t::Reason>(), ty::<t::Decided>(), "Take the newest quarantine decision back: the level before it, or none";
    ApiPumpWatched Get "/api/v1/pumps/{pump}/watched" Api (Needs(ReadFleet)) None, None, ty::<t::WatchedEntries>(), "What a pump did with the hub while it was watched, newest first";
    ApiPumpRelease Post "/api/v1/pumps/{pump}/release" Api (Needs(RestorePumps)) Some("pump.release"), ty::<t::Reason>(), ty::<t::Decided>(), "Give a quarantined pump back";
    ApiPumpLost Post "/api/v1/pumps/{pump}/lost" Api (Needs(QuarantinePumps)) Some("pump.lost"), ty::<t::Reason>(), ty::<t::Decided>(), "Mark a pump lost: its certificate is revoked";
    ApiPumpFound Post "/api/v1/pumps/{pump}/found" Api (Needs(QuarantinePumps)) Some("pump.found"), ty::<t::Reason>(), ty::<t::Decided>(), "A lost pump was found: it may enrol again";
    ApiPumpRetire Post "/api/v1/pumps/{pump}/retire" Api (Needs(RetirePumps)) Some("pump.retire"), ty::<t::Reason>(), ty::<t::Decided>(), "End a pump's life: its certificate is revoked for good";
    ApiPumpLoanerReturn Post "/api/v1/pumps/{pump}/loaner-return" Api (Needs(RetirePumps)) Some("pump.loaner-return"), ty::<t::Reason>(), ty::<t::Decided>(), "Give a loaner back: its certificate is revoked and it is told to wipe itself";
    ApiPumpWipe Get "/api/v1/pumps/{pump}/wipe" Api (Needs(ReadFleet)) None, None, ty::<t::Wipe>(), "The newest order to wipe a pump, and its receipt";
    ApiPumpReEnrol Post "/api/v1/pumps/{pump}/re-enrol" Api (Needs(RetirePumps)) Some("pump.re-enrol"), ty::<t::Reason>(), ty::<t::Decided>(), "Revoke a pump's certificate and let it enrol anew, as after a repair";
    ApiAdmission Get "/api/v1/admission/{certificate}" Api (Needs(ReadFleet)) None, None, ty::<t::Admission>(), "Which part of the network a certificate's holder belongs to, as FreeRADIUS asks it; refused when it belongs nowhere";
    ApiEnrolment Get "/api/v1/enrolment" Api (Needs(ReadFleet)) None, None, ty::<t::Enrolment>(), "Who is expected, who is pending, which codes are out";
    ApiCodesCreate Post "/api/v1/enrolment/codes" Api (Needs(EnrolPumps)) Some("enrolment.code.create"), ty::<t::NewCodes>(), ty::<t::MadeCodes>(), "Make one-time enrolment codes, shown once";
    ApiCodeWithdraw Delete "/api/v1/enrolment/codes/{code}" Api (Needs(EnrolPumps)) Some("enrolment-code.withdraw"), None, None, "Withdraw a one-time enrolment code that was not used";
    ApiManifestImport Post "/api/v1/enrolment/manifest" Api (Needs(EnrolPumps)) Some("enrolment.manifest.import"), None, ty::<t::ManifestResult>(), "Import a CSV of expected pumps, all rows or none";
    ApiEnrolmentRequests Get "/api/v1/enrolment/requests" Api (Needs(ReadFleet)) None, None, ty::<t::EnrolmentRequests>(), "Pumps that wait for a person before their first certificate";
    ApiEnrolmentApprove Post "/api/v1/enrolment/requests/{request}/approve" Api (Needs(EnrolPumps)) Some("enrolment.approve"), ty::<t::Reason>(), ty::<t::EnrolmentRequest>(), "Approve a pump that waits: it gets its certificate when it asks next";
    ApiEnrolmentDeny Post "/api/v1/enrolment/requests/{request}/deny" Api (Needs(EnrolPumps)) Some("enrolment.deny"), ty::<t::Reason>(), ty::<t::EnrolmentRequest>(), "Deny a pump that waits: this request is refused for 30 days";
    ApiScanImport Post "/api/v1/enrolment/scan" Api (Needs(EnrolPumps)) Some("enrolment.manifest.import"), ty::<t::ScannedPumps>(), ty::<t::ManifestResult>(), "Expect the pumps of a delivery as it was scanned, one barcode on each line";
    ApiDevices Get "/api/v1/enrolment/devices" Api (Needs(ReadFleet)) None, None, ty::<t::Devices>(), "Which product of a barcode is which model";
    ApiDeviceSet Put "/api/v1/enrolment/devices/{gtin}" Api (Needs(EnrolPumps)) Some("enrolment.device"), ty::<t::NewDevice>(), ty::<t::Devices>(), "Say which model a product is";
    ApiDeviceForget Delete "/api/v1/enrolment/devices/{gtin}" Api (Needs(EnrolPumps)) Some("enrolment.device"), None, ty::<t::Devices>(), "Forget a product";
    ApiRules Get "/api/v1/enrolment/rules" Api (Needs(ReadFleet)) None, None, ty::<t::EnrolmentRules>(), "Who may enrol without a person";
    ApiRulesSet Put "/api/v1/enrolment/rules" Api (Needs(SetEnrolmentRules)) Some("enrolment.rules"), ty::<t::NewEnrolmentRules>(), ty::<t::EnrolmentRules>(), "Change who may enrol without a person";
    ApiProfiles Get "/api/v1/profiles" Api (Needs(ReadFleet)) None, None, ty::<t::Profiles>(), "What new pumps start with";
    ApiProfilesSet Put "/api/v1/profiles" Api (Needs(EnrolPumps)) Some("profiles.change"), ty::<t::NewProfiles>(), ty::<t::Profiles>(), "Change what new pumps start with";
    ApiProfileAssign Post "/api/v1/profiles/assign" Api (Needs(EnrolPumps)) Some("pump.profile"), ty::<t::AssignProfile>(), None, "Give pumps a profile of their own";
    ApiProvisioning Get "/api/v1/provisioning" Api (Needs(ReadFleet)) None, None, ty::<t::Provisioning>(), "How far each new pump has come, and what it waits for";
    ApiRollouts Get "/api/v1/rollouts" Api (Needs(ReadFleet)) None, None, ty::<t::Rollouts>(), "All rollouts";
    ApiRolloutCreate Post "/api/v1/rollouts" Api (Needs(RunRollouts)) Some("rollout.create"), ty::<t::NewRollout>(), ty::<t::RolloutRow>(), "Start a rollout of a published release";
    ApiRollout Get "/api/v1/rollouts/{rollout}" Api (Needs(ReadFleet)) None, None, ty::<t::RolloutDetail>(), "One rollout with its curve and stragglers";
    ApiRolloutPause Post "/api/v1/rollouts/{rollout}/pause" Api (Needs(RunRollouts)) Some("rollout.pause"), ty::<t::Reason>(), ty::<t::RolloutRow>(), "Give no new turns";
    ApiRolloutResume Post "/api/v1/rollouts/{rollout}/resume" Api (Needs(RunRollouts)) Some("rollout.resume"), ty::<t::Reason>(), ty::<t::RolloutRow>(), "Give turns again";
    ApiRolloutHalt Post "/api/v1/rollouts/{rollout}/halt" Api (Needs(RunRollouts)) Some("rollout.halt"), ty::<t::Reason>(), ty::<t::RolloutRow>(), "Stop a rollout for good";
    ApiReleases Get "/api/v1/releases" Api (Needs(ReadFleet)) None, None, ty::<t::Releases>(), "Published and withdrawn releases";
    ApiReleaseUpload Post "/api/v1/releases" Api (Needs(UploadReleases)) Some("release.upload"), None, ty::<t::Uploaded>(), "Give the hub signed metadata and artifacts";
    ApiCertificates Get "/api/v1/certificates" Api (Needs(ReadFleet)) None, None, ty::<t::Certificates>(), "The certificate authority: alarms, the hub's own certificates, counts and forecast";
    ApiCertificatesPumps Get "/api/v1/certificates/pumps" Api (Needs(ReadFleet)) None, None, ty::<t::CertificatePage>(), "Pumps' certificates, the one that ends first on top";
    ApiAudit Get "/api/v1/audit" Api (Needs(ReadAudit)) None, None, ty::<t::AuditPage>(), "The audit trail, newest first";
    ApiAuditVerify Post "/api/v1/audit/verify" Api (Needs(VerifyAudit)) Some("audit.verify"), None, ty::<t::AuditVerified>(), "Verify the whole chain";
    ApiAuditCheckpoint Post "/api/v1/audit/checkpoint" Api (Needs(VerifyAudit)) Some("audit.checkpoint"), None, ty::<t::AuditCheckpoint>(), "Sign a checkpoint of the chain";
    ApiAccounts Get "/api/v1/accounts" Api (Needs(ManageAccounts)) None, None, ty::<t::Accounts>(), "All accounts";
    ApiAccountCreate Post "/api/v1/accounts" Api (Needs(ManageAccounts)) Some("account.create"), ty::<t::NewAccount>(), ty::<t::SignInLink>(), "Make an account and its one-time sign-in link";
    ApiAccountChange Patch "/api/v1/accounts/{account}" Api (Needs(ManageAccounts)) Some("account.change"), ty::<t::AccountChange>(), ty::<t::AccountRow>(), "Change a role, or disable";
    ApiAccountLink Post "/api/v1/accounts/{account}/link" Api (Needs(ManageAccounts)) Some("account.link"), None, ty::<t::SignInLink>(), "Make a one-time sign-in link";
    ApiTokens Get "/api/v1/tokens" Api (Needs(ManageAccounts)) None, None, ty::<t::Tokens>(), "All tokens";
    ApiTokenCreate Post "/api/v1/tokens" Api (Needs(ManageAccounts)) Some("token.create"), ty::<t::NewToken>(), ty::<t::MadeToken>(), "Make a token, shown once";
    ApiTokenRevoke Delete "/api/v1/tokens/{token}" Api (Needs(ManageAccounts)) Some("token.revoke"), None, None, "Revoke a token";
    ApiRollOver Get "/api/v1/ca/roll-over" Api (Needs(ReadFleet)) None, None, ty::<t::RollOver>(), "The change of certificate authorities, and every pump that is behind with its way back";
    ApiRollOverStart Post "/api/v1/ca/roll-over" Api (Needs(ChangeAuthorities)) Some("ca.roll-over.start"), ty::<t::StartRollOver>(), ty::<t::RollOver>(), "Make new certificate authorities beside the old ones";
    ApiRollOverMove Post "/api/v1/ca/roll-over/move" Api (Needs(ChangeAuthorities)) Some("ca.roll-over.move"), ty::<t::StepRollOver>(), ty::<t::RollOver>(), "Issue from the new authority from now on";
    ApiRollOverFinish Post "/api/v1/ca/roll-over/finish" Api (Needs(ChangeAuthorities)) Some("ca.roll-over.finish"), ty::<t::StepRollOver>(), ty::<t::RollOver>(), "Accept only the new authority, and destroy the old keys";
    ApiRollOverAbandon Post "/api/v1/ca/roll-over/abandon" Api (Needs(ChangeAuthorities)) Some("ca.roll-over.abandon"), ty::<t::Reason>(), ty::<t::RollOver>(), "Give the change up while nothing was issued from the new authority";
    ApiMetrics Get "/metrics" Api (Needs(ReadMetrics)) None, None, None, "Metrics in the text form of Prometheus";
    ApiHealth Get "/healthz" Api (Anyone) None, None, None, "Whether the hub answers; says nothing else";

    // The console's pages.
    PageOverview Get "/" Page (Needs(ReadFleet)) None, None, None, "Overview";
    PagePumps Get "/pumps" Page (Needs(ReadFleet)) None, None, None, "Pumps";
    PagePumpsCsv Get "/pumps.csv" Page (Needs(ReadFleet)) None, None, None, "Pumps as a spreadsheet";
    PagePump Get "/pumps/{pump}" Page (Needs(ReadFleet)) None, None, None, "One pump";
    PageRollouts Get "/rollouts" Page (Needs(ReadFleet)) None, None, None, "Rollouts";
    PageRollout Get "/rollouts/{rollout}" Page (Needs(ReadFleet)) None, None, None, "One rollout";
    PageEnrolment Get "/enrolment" Page (Needs(ReadFleet)) None, None, None, "Enrolment";
    PageProvisioning Get "/provisioning" Page (Needs(ReadFleet)) None, None, None, "Provisioning";
    PageRules Get "/provisioning/rules" Page (Needs(ReadFleet)) None, None, None, "Rules, profiles and products of provisioning";
    PageStrangers Get "/strangers" Page (Needs(ReadFleet)) None, None, None, "Strangers and clones";
    PageCertificates Get "/certificates" Page (Needs(ReadFleet)) None, None, None, "Certificates: alarms, forecast, inventory";
    PageAudit Get "/audit" Page (Needs(ReadAudit)) None, None, None, "Audit";
    PageAuditCsv Get "/audit.csv" Page (Needs(ReadAudit)) None, None, None, "The audit trail as a spreadsheet";
    PageSettings Get "/settings" Page (SignedIn) None, None, None, "Your account; for administrators, all accounts and tokens";
    PageSignIn Get "/sign-in" Page (Anyone) None, None, None, "Sign in";
    PageSignInOnce Get "/sign-in/once" Page (Anyone) None, None, None, "Confirm a one-time sign-in link";
    PageLive Get "/live" Page (Needs(ReadFleet)) None, None, None, "Server-sent events: something changed";
    PageAsset Get "/assets/{file}" Page (Anyone) None, None, None, "Style sheet, script and icon";

    // The console's forms.
    FormSignIn Post "/sign-in" Form (Anyone) Some("session.sign-in"), None, None, "Sign in with a password";
    FormSignInOnce Post "/sign-in/once" Form (Anyone) Some("session.sign-in-once"), None, None, "Use a one-time sign-in link";
    FormSignOut Post "/sign-out" Form (SignedIn) Some("session.sign-out"), None, None, "Sign out";
    FormPassword Post "/settings/password" Form (SignedIn) Some("account.password"), None, None, "Set one's own password";
    FormPumpQuarantine Post "/pumps/{pump}/quarantine" Form (Needs(QuarantinePumps)) Some("pump.quarantine"), None, None, "Quarantine one pump";
    FormTakeDownRules Post "/strangers/rules" Form (Needs(SetRules)) Some("quarantine.rules"), None, None, "Set the take-down rules";
    FormSuspectsClose Post "/pumps/{pump}/suspects/close" Form (Needs(RestorePumps)) Some("suspect.close"), None, None, "The signs about a pump were seen to";
    FormPumpUndo Post "/pumps/{pump}/quarantine/undo" Form (Needs(RestorePumps)) Some("pump.quarantine.undo"), None, None, "Take the newest quarantine decision back";
    FormPumpRelease Post "/pumps/{pump}/release" Form (Needs(RestorePumps)) Some("pump.release"), None, None, "Give a quarantined pump back";
    FormPumpLost Post "/pumps/{pump}/lost" Form (Needs(QuarantinePumps)) Some("pump.lost"), None, None, "Mark a pump lost";
    FormPumpFound Post "/pumps/{pump}/found" Form (Needs(QuarantinePumps)) Some("pump.found"), None, None, "A lost pump was found";
    FormPumpRetire Post "/pumps/{pump}/retire" Form (Needs(RetirePumps)) Some("pump.retire"), None, None, "End a pump's life";
    FormPumpLoanerReturn Post "/pumps/{pump}/loaner-return" Form (Needs(RetirePumps)) Some("pump.loaner-return"), None, None, "Give a loaner back";
    FormPumpReEnrol Post "/pumps/{pump}/re-enrol" Form (Needs(RetirePumps)) Some("pump.re-enrol"), None, None, "Let a pump enrol anew";
    FormPumpsQuarantine Post "/pumps/quarantine" Form (Needs(QuarantinePumps)) Some("pump.quarantine"), None, None, "Quarantine the chosen pumps, after a page that shows them";
    FormRolloutCreate Post "/rollouts" Form (Needs(RunRollouts)) Some("rollout.create"), None, None, "Start a rollout";
    FormRolloutPause Post "/rollouts/{rollout}/pause" Form (Needs(RunRollouts)) Some("rollout.pause"), None, None, "Pause a rollout";
    FormRolloutResume Post "/rollouts/{rollout}/resume" Form (Needs(RunRollouts)) Some("rollout.resume"), None, None, "Resume a rollout";
    FormRolloutHalt Post "/rollouts/{rollout}/halt" Form (Needs(RunRollouts)) Some("rollout.halt"), None, None, "Halt a rollout";
    FormCodes Post "/enrolment/codes" Form (Needs(EnrolPumps)) Some("enrolment.code.create"), None, None, "Make one-time codes and their printable sheet";
    FormManifest Post "/enrolment/manifest" Form (Needs(EnrolPumps)) Some("enrolment.manifest.import"), None, None, "Import a manifest";
    FormEnrolmentApprove Post "/enrolment/requests/{request}/approve" Form (Needs(EnrolPumps)) Some("enrolment.approve"), None, None, "Approve a pump that waits";
    FormEnrolmentDeny Post "/enrolment/requests/{request}/deny" Form (Needs(EnrolPumps)) Some("enrolment.deny"), None, None, "Deny a pump that waits";
    FormScan Post "/enrolment/scan" Form (Needs(EnrolPumps)) Some("enrolment.manifest.import"), None, None, "Expect the pumps of a scanned delivery";
    FormDevice Post "/provisioning/devices" Form (Needs(EnrolPumps)) Some("enrolment.device"), None, None, "Say which model a product is";
    FormRules Post "/provisioning/rules" Form (Needs(SetEnrolmentRules)) Some("enrolment.rules"), None, None, "Change who may enrol without a person";
    FormProfiles Post "/provisioning/profiles" Form (Needs(EnrolPumps)) Some("profiles.change"), None, None, "Change what new pumps start with";
    FormProfileAssign Post "/provisioning/assign" Form (Needs(EnrolPumps)) Some("pump.profile"), None, None, "Give pumps a profile of their own";
    FormAuditVerify Post "/audit/verify" Form (Needs(VerifyAudit)) Some("audit.verify"), None, None, "Verify the whole chain";
    FormAccountCreate Post "/settings/accounts" Form (Needs(ManageAccounts)) Some("account.create"), None, None, "Make an account";
    FormAccountChange Post "/settings/accounts/{account}" Form (Needs(ManageAccounts)) Some("account.change"), None, None, "Change a role, disable, or make a sign-in link";
    FormTokenCreate Post "/settings/tokens" Form (Needs(ManageAccounts)) Some("token.create"), None, None, "Make a token";
    FormTokenRevoke Post "/settings/tokens/{token}/revoke" Form (Needs(ManageAccounts)) Some("token.revoke"), None, None, "Revoke a token";
}
