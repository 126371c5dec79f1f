//! Settings: one's own password; for administrators, accounts, roles and tokens.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use wardline_api::types::{
    AccountChange, AccountRow, Accounts, MadeToken, NewAccount, NewToken, SignInLink, TokenRow, Tokens, WhoAmI,
};
use wardline_api::{Permission, Role, openapi, role_sentence};
use wardline_model::Span;
use wardline_store::{NewUser, User};

use super::app::Console;
use super::fault::Fault;
use super::guard::{Caller, Fields, decision, percent_encode, query};
use super::page::{self, Frame, show};
use super::pump::json;

/// How long a token lives when nobody says, in days.
const DAYS: u32 = 90;

/// How long a token may live at the longest, in days.
const MOST_DAYS: u32 = 365;

/// `GET /api/openapi.json`.
pub(super) async fn api_openapi() -> Json<serde_json::Value> {
    Json(openapi())
}

/// `GET /api/v1/whoami`.
pub(super) async fn api_whoami(Extension(caller): Extension<Caller>) -> Json<WhoAmI> {
    let permissions = Permission::ALL.into_iter().filter(|permission| caller.may(*permission)).collect();
    Json(WhoAmI { name: caller.name, role: caller.role, permissions })
}

fn account(user: User) -> AccountRow {
    AccountRow {
        name: user.name,
        role: user.role,
        disabled: user.disabled.is_some(),
        created: user.created,
        last_sign_in: user.last_sign_in,
    }
}

async fn accounts(console: &Console) -> Result<Vec<AccountRow>, Fault> {
    Ok(console.store.users().await?.into_iter().map(account).collect())
}

/// `GET /api/v1/accounts`.
pub(super) async fn api_accounts(State(console): State<Arc<Console>>) -> Result<Json<Accounts>, Fault> {
    Ok(Json(Accounts { accounts: accounts(&console).await? }))
}

async fn create(console: &Console, caller: &Caller, order: &NewAccount) -> Result<SignInLink, Fault> {
    let name = order.name.trim().to_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(Fault::bad("an account's name has 1 to 64 letters, digits, dots, dashes, underscores or @"));
    }
    let user = NewUser { name: name.clone(), display: order.name.trim().into(), role: order.role, password: None };
    console.store.create_user(&user, &decision(console, caller, "account made")).await?;
    link(console, caller, &name).await
}

async fn link(console: &Console, caller: &Caller, name: &str) -> Result<SignInLink, Fault> {
    let by = decision(console, caller, "one-time sign-in link made");
    let made = console.store.new_sign_in_link(name, console.settings.link, &by).await?;
    Ok(SignInLink { account: name.into(), path: format!("/sign-in/once?token={}", made.token), expires: made.expires })
}

/// `POST /api/v1/accounts`.
pub(super) async fn api_create(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<SignInLink>, Fault> {
    Ok(Json(create(&console, &caller, &json(&body)?).await?))
}

async fn change(console: &Console, caller: &Caller, name: &str, to: &AccountChange) -> Result<AccountRow, Fault> {
    let mut user = console.store.user(name).await?.ok_or_else(|| Fault::not_found("this account"))?;
    user.role = to.role.unwrap_or(user.role);
    match to.disabled {
        Some(true) => user.disabled = Some(user.disabled.unwrap_or_else(|| console.now())),
        Some(false) => user.disabled = None,
        None => {}
    }
    console.store.change_user(&user, &decision(console, caller, "account changed")).await?;
    Ok(account(user))
}

/// `PATCH /api/v1/accounts/{account}`.
pub(super) async fn api_change(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<AccountRow>, Fault> {
    Ok(Json(change(&console, &caller, &name, &json(&body)?).await?))
}

/// `POST /api/v1/accounts/{account}/link`.
pub(super) async fn api_link(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<SignInLink>, Fault> {
    Ok(Json(link(&console, &caller, &name).await?))
}

async fn tokens(console: &Console) -> Result<Vec<TokenRow>, Fault> {
    let rows = console.store.tokens().await?;
    Ok(rows
        .into_iter()
        .map(|row| TokenRow {
            name: row.name,
            role: row.role,
            by: row.created_by,
            created: row.created,
            expires: row.expires,
            last_used: row.last_used,
        })
        .collect())
}

/// `GET /api/v1/tokens`.
pub(super) async fn api_tokens(State(console): State<Arc<Console>>) -> Result<Json<Tokens>, Fault> {
    Ok(Json(Tokens { tokens: tokens(&console).await? }))
}

async fn make_token(console: &Console, caller: &Caller, order: &NewToken) -> Result<MadeToken, Fault> {
    let days = order.days.unwrap_or(DAYS);
    if days == 0 || days > MOST_DAYS {
        return Err(Fault::bad(format!("a token lives 1 to {MOST_DAYS} days, not {days}")));
    }
    let name = order.name.trim();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(Fault::bad("a token's name has 1 to 64 characters"));
    }
    let by = decision(console, caller, "token made");
    let made = console.store.create_token(name, order.role, Span::from_days(days.into()), &by).await?;
    Ok(MadeToken { name: made.row.name, token: made.secret, expires: made.row.expires })
}

/// `POST /api/v1/tokens`.
pub(super) async fn api_token_create(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<MadeToken>, Fault> {
    Ok(Json(make_token(&console, &caller, &json(&body)?).await?))
}

/// `DELETE /api/v1/tokens/{token}`.
pub(super) async fn api_token_revoke(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<axum::http::StatusCode, Fault> {
    console.store.revoke_token(&name, &decision(&console, &caller, "token revoked")).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Something that is shown once.
struct Once {
    title: String,
    secret: String,
    hint: &'static str,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    name: String,
    role: Role,
    role_says: &'static str,
    welcome: bool,
    administrator: bool,
    accounts: Vec<AccountRow>,
    tokens: Vec<TokenRow>,
    roles: Vec<(Role, &'static str)>,
    once: Option<Once>,
    fault: Option<String>,
}

async fn page(
    console: &Console,
    caller: &Caller,
    done: &str,
    once: Option<Once>,
    fault: Option<String>,
) -> Result<Response, Fault> {
    let administrator = caller.may(Permission::ManageAccounts);
    let (accounts, tokens) =
        if administrator { (accounts(console).await?, tokens(console).await?) } else { (Vec::new(), Vec::new()) };
    let said = match done {
        "password" => Some("Your password is set.".to_owned()),
        "changed" => Some("The account is changed; its sessions are ended.".to_owned()),
        "revoked" => Some("The token is revoked.".to_owned()),
        _ => None,
    };
    show(&SettingsPage {
        frame: Frame::new("Settings", "settings", Some(caller), console.now()).done(said).still(),
        name: caller.name.clone(),
        role: caller.role,
        role_says: role_sentence(caller.role),
        welcome: done == "welcome",
        administrator,
        accounts,
        tokens,
        roles: Role::ALL.into_iter().map(|role| (role, role_sentence(role))).collect(),
        once,
        fault,
    })
}

/// `GET /settings`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Fault> {
    page(&console, &caller, query(&uri).get("done"), None, None).await
}

/// `POST /settings/password`. The store ends every session of the account, so that a stolen one is worth nothing.
pub(super) async fn form_password(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let raw = |name: &str| fields.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if raw("password") != raw("again") {
        return page(&console, &caller, "", None, Some("The two passwords differ.".into())).await;
    }
    match console
        .store
        .set_password(&caller.name, raw("password"), &decision(&console, &caller, "own password set"))
        .await
    {
        Ok(()) => {
            let to = format!("/sign-in?done=password&name={}", percent_encode(&caller.name));
            Ok(Redirect::to(&to).into_response())
        }
        Err(wardline_store::StoreError::Refused { why, .. }) => page(&console, &caller, "", None, Some(why)).await,
        Err(error) => Err(error.into()),
    }
}

/// `POST /settings/accounts`.
pub(super) async fn form_create(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let role = fields.get("role").parse().map_err(Fault::bad)?;
    match create(&console, &caller, &NewAccount { name: fields.get("name").into(), role }).await {
        Ok(link) => shown_once(&console, &caller, link).await,
        Err(fault) if fault.status.is_client_error() => page(&console, &caller, "", None, Some(fault.message)).await,
        Err(fault) => Err(fault),
    }
}

async fn shown_once(console: &Console, caller: &Caller, link: SignInLink) -> Result<Response, Fault> {
    let once = Once {
        title: format!("One-time sign-in link for {}", link.account),
        secret: link.path,
        hint: "Put this behind the hub's address and give it to the person. It works once, within a day, and is not shown again.",
    };
    page(console, caller, "", Some(once), None).await
}

/// `POST /settings/accounts/{account}`: a new role, shut, open, or a new link.
pub(super) async fn form_change(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let to = match fields.get("act") {
        "link" => return shown_once(&console, &caller, link(&console, &caller, &name).await?).await,
        "role" => AccountChange { role: Some(fields.get("role").parse().map_err(Fault::bad)?), disabled: None },
        "disable" => AccountChange { role: None, disabled: Some(true) },
        "enable" => AccountChange { role: None, disabled: Some(false) },
        _ => return Err(Fault::bad("expected one of: link, role, disable, enable")),
    };
    change(&console, &caller, &name, &to).await?;
    Ok(Redirect::to("/settings?done=changed").into_response())
}

/// `POST /settings/tokens`.
pub(super) async fn form_token(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Fault> {
    let order = NewToken {
        name: fields.get("name").into(),
        role: fields.get("role").parse().map_err(Fault::bad)?,
        days: Some(fields.get("days").parse().map_err(|_| Fault::bad("days: expected a whole number"))?),
    };
    match make_token(&console, &caller, &order).await {
        Ok(made) => {
            let once = Once {
                title: format!("Token {}", made.name),
                secret: made.token,
                hint: "For the command line: put it into WARDLINE_TOKEN. It is not shown again.",
            };
            page(&console, &caller, "", Some(once), None).await
        }
        Err(fault) if fault.status.is_client_error() => page(&console, &caller, "", None, Some(fault.message)).await,
        Err(fault) => Err(fault),
    }
}

/// `POST /settings/tokens/{token}/revoke`.
pub(super) async fn form_token_revoke(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    console.store.revoke_token(&name, &decision(&console, &caller, "token revoked")).await?;
    Ok(Redirect::to("/settings?done=revoked").into_response())
}
