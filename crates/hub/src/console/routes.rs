//! The router, built from the table in `api`.
//!
//! `handler` is an exhaustive `match`: a row without a handler does not compile, and a handler without a row cannot be
//! named. Everything else is 404, behind the same headers.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use wardline_api::{Access, Method, ROUTES, Route, RouteId, Surface};

use super::app::Console;
use super::fault::Fault;
use super::guard::{body_limit, guard};
use super::{
    admission, assets, audit, certificates, devices, enrolment, enrolment_requests, live, metrics, overview, profiles,
    provisioning, pump, pumps, quarantine, roll_over, rollouts, rules, settings, sign_in, strangers, wipe,
};

/// What answers for every address that is not in the table.
static NOWHERE: Route = Route {
    id: RouteId::ApiHealth,
    method: Method::Get,
    path: "",
    surface: Surface::Page,
    access: Access::Anyone,
    audit: None,
    summary: "Not found",
    request: None,
    response: None,
};

/// The console's router.
pub fn router(console: &Arc<Console>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let methods = handler(route)
            .layer(DefaultBodyLimit::max(body_limit(route.id)))
            .layer(middleware::from_fn_with_state((Arc::clone(console), route), guard));
        router = router.route(route.path, methods);
    }
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state((Arc::clone(console), &NOWHERE), outer))
        .with_state(Arc::clone(console))
}

async fn nowhere() -> Fault {
    Fault::not_found("this page")
}

async fn wrong_method() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this address is there, but not for this method")
}

/// Says what no row's own guard said: 404 and 405, with the same headers.
async fn outer(
    state: axum::extract::State<(Arc<Console>, &'static Route)>,
    request: axum::extract::Request,
    next: middleware::Next,
) -> axum::response::Response {
    let response = next.run(request).await;
    if response.extensions().get::<Fault>().is_none() {
        return response;
    }
    super::guard::say_outside(state.0.1, response)
}

fn on<H, T>(method: Method, handler: H) -> MethodRouter<Arc<Console>>
where
    H: axum::handler::Handler<T, Arc<Console>>,
    T: 'static,
{
    match method {
        Method::Get => get(handler),
        Method::Post => post(handler),
        Method::Patch => patch(handler),
        Method::Put => put(handler),
        Method::Delete => delete(handler),
    }
}

fn handler(route: &Route) -> MethodRouter<Arc<Console>> {
    let m = route.method;
    match route.id {
        RouteId::ApiOpenApi => on(m, settings::api_openapi),
        RouteId::ApiWhoAmI => on(m, settings::api_whoami),
        RouteId::ApiOverview => on(m, overview::api),
        RouteId::ApiPumps => on(m, pumps::api),
        RouteId::ApiPumpsQuarantine => on(m, quarantine::api_several),
        RouteId::ApiPumpsPreview => on(m, quarantine::api_preview),
        RouteId::ApiHeldPumps => on(m, quarantine::api_held),
        RouteId::ApiTakeDownRules => on(m, strangers::api_rules),
        RouteId::ApiTakeDownRulesSet => on(m, strangers::api_set_rules),
        RouteId::ApiStrangers => on(m, strangers::api),
        RouteId::ApiSuspects => on(m, strangers::api_suspects),
        RouteId::ApiSuspectsClose => on(m, strangers::api_close),
        RouteId::PageStrangers => on(m, strangers::show_page),
        RouteId::FormTakeDownRules => on(m, strangers::form_rules),
        RouteId::FormSuspectsClose => on(m, strangers::form_close),
        RouteId::ApiPumpUndo => on(m, quarantine::api_undo),
        RouteId::ApiPumpWatched => on(m, quarantine::api_watched),
        RouteId::ApiPump => on(m, pump::api),
        RouteId::ApiPumpEvents => on(m, pump::api_events),
        RouteId::ApiPumpQuarantine => on(m, quarantine::api_one),
        RouteId::ApiPumpRelease => on(m, pump::api_release),
        RouteId::ApiPumpLost => on(m, pump::api_lost),
        RouteId::ApiPumpFound => on(m, pump::api_found),
        RouteId::ApiPumpRetire => on(m, pump::api_retire),
        RouteId::ApiPumpLoanerReturn => on(m, pump::api_loaner_return),
        RouteId::ApiPumpWipe => on(m, wipe::api),
        RouteId::ApiPumpReEnrol => on(m, pump::api_re_enrol),
        RouteId::ApiAdmission => on(m, admission::api),
        RouteId::ApiEnrolment => on(m, enrolment::api),
        RouteId::ApiCodesCreate => on(m, enrolment::api_codes),
        RouteId::ApiCodeWithdraw => on(m, enrolment::api_withdraw),
        RouteId::ApiManifestImport => on(m, enrolment::api_manifest),
        RouteId::ApiEnrolmentRequests => on(m, enrolment_requests::api),
        RouteId::ApiEnrolmentApprove => on(m, enrolment_requests::api_approve),
        RouteId::ApiEnrolmentDeny => on(m, enrolment_requests::api_deny),
        RouteId::ApiScanImport => on(m, devices::api_scan),
        RouteId::ApiDevices => on(m, devices::api),
        RouteId::ApiDeviceSet => on(m, devices::api_set),
        RouteId::ApiDeviceForget => on(m, devices::api_forget),
        RouteId::ApiRules => on(m, rules::api),
        RouteId::ApiRulesSet => on(m, rules::api_set),
        RouteId::ApiProfiles => on(m, profiles::api),
        RouteId::ApiProfilesSet => on(m, profiles::api_set),
        RouteId::ApiProfileAssign => on(m, profiles::api_assign),
        RouteId::ApiProvisioning => on(m, provisioning::api),
        RouteId::ApiRollouts => on(m, rollouts::api),
        RouteId::ApiRolloutCreate => on(m, rollouts::api_create),
        RouteId::ApiRollout => on(m, rollouts::api_one),
        RouteId::ApiRolloutPause => on(m, rollouts::api_pause),
        RouteId::ApiRolloutResume => on(m, rollouts::api_resume),
        RouteId::ApiRolloutHalt => on(m, rollouts::api_halt),
        RouteId::ApiReleases => on(m, rollouts::api_releases),
        RouteId::ApiReleaseUpload => on(m, rollouts::api_upload),
        RouteId::ApiCertificates => on(m, certificates::api),
        RouteId::ApiCertificatesPumps => on(m, certificates::api_pumps),
        RouteId::ApiAudit => on(m, audit::api),
        RouteId::ApiAuditVerify => on(m, audit::api_verify),
        RouteId::ApiAuditCheckpoint => on(m, audit::api_checkpoint),
        RouteId::ApiAccounts => on(m, settings::api_accounts),
        RouteId::ApiAccountCreate => on(m, settings::api_create),
        RouteId::ApiAccountChange => on(m, settings::api_change),
        RouteId::ApiAccountLink => on(m, settings::api_link),
        RouteId::ApiTokens => on(m, settings::api_tokens),
        RouteId::ApiTokenCreate => on(m, settings::api_token_create),
        RouteId::ApiTokenRevoke => on(m, settings::api_token_revoke),
        RouteId::ApiRollOver => on(m, roll_over::api),
        RouteId::ApiRollOverStart => on(m, roll_over::api_start),
        RouteId::ApiRollOverMove => on(m, roll_over::api_move),
        RouteId::ApiRollOverFinish => on(m, roll_over::api_finish),
        RouteId::ApiRollOverAbandon => on(m, roll_over::api_abandon),
        RouteId::ApiMetrics => on(m, metrics::metrics),
        RouteId::ApiHealth => on(m, metrics::health),
        RouteId::PageOverview => on(m, overview::show_page),
        RouteId::PagePumps => on(m, pumps::show_page),
        RouteId::PagePumpsCsv => on(m, pumps::csv),
        RouteId::PagePump => on(m, pump::show_page),
        RouteId::PageRollouts => on(m, rollouts::show_list),
        RouteId::PageRollout => on(m, rollouts::show_one),
        RouteId::PageEnrolment => on(m, enrolment::show_page),
        RouteId::PageProvisioning => on(m, provisioning::show_page),
        RouteId::PageRules => on(m, rules::show_page),
        RouteId::PageCertificates => on(m, certificates::show_page),
        RouteId::PageAudit => on(m, audit::show_page),
        RouteId::PageAuditCsv => on(m, audit::csv),
        RouteId::PageSettings => on(m, settings::show_page),
        RouteId::PageSignIn => on(m, sign_in::show_page),
        RouteId::PageSignInOnce => on(m, sign_in::show_once),
        RouteId::PageLive => on(m, live::live),
        RouteId::PageAsset => on(m, assets::asset),
        RouteId::FormSignIn => on(m, sign_in::form),
        RouteId::FormSignInOnce => on(m, sign_in::form_once),
        RouteId::FormSignOut => on(m, sign_in::sign_out),
        RouteId::FormPassword => on(m, settings::form_password),
        RouteId::FormPumpQuarantine => on(m, quarantine::form_one),
        RouteId::FormPumpUndo => on(m, quarantine::form_undo),
        RouteId::FormPumpRelease => on(m, pump::form_release),
        RouteId::FormPumpLost => on(m, pump::form_lost),
        RouteId::FormPumpFound => on(m, pump::form_found),
        RouteId::FormPumpRetire => on(m, pump::form_retire),
        RouteId::FormPumpLoanerReturn => on(m, pump::form_loaner_return),
        RouteId::FormPumpReEnrol => on(m, pump::form_re_enrol),
        RouteId::FormPumpsQuarantine => on(m, quarantine::form_several),
        RouteId::FormRolloutCreate => on(m, rollouts::form_create),
        RouteId::FormRolloutPause => on(m, rollouts::form_pause),
        RouteId::FormRolloutResume => on(m, rollouts::form_resume),
        RouteId::FormRolloutHalt => on(m, rollouts::form_halt),
        RouteId::FormCodes => on(m, enrolment::form_codes),
        RouteId::FormManifest => on(m, enrolment::form_manifest),
        RouteId::FormEnrolmentApprove => on(m, enrolment_requests::form_approve),
        RouteId::FormEnrolmentDeny => on(m, enrolment_requests::form_deny),
        RouteId::FormScan => on(m, devices::form_scan),
        RouteId::FormDevice => on(m, devices::form),
        RouteId::FormRules => on(m, rules::form),
        RouteId::FormProfiles => on(m, profiles::form),
        RouteId::FormProfileAssign => on(m, profiles::form_assign),
        RouteId::FormAuditVerify => on(m, audit::form_verify),
        RouteId::FormAccountCreate => on(m, settings::form_create),
        RouteId::FormAccountChange => on(m, settings::form_change),
        RouteId::FormTokenCreate => on(m, settings::form_token),
        RouteId::FormTokenRevoke => on(m, settings::form_token_revoke),
    }
}
