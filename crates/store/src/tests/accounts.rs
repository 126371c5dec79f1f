//! People, sessions, links and tokens.

use wardline_model::{Role, Span};

use super::{T0, World, by, on_both_engines};
use crate::{NewUser, StoreError, User};

fn user(name: &str, role: Role, password: &str) -> NewUser {
    NewUser { name: name.into(), display: name.into(), role, password: Some(password.into()) }
}

on_both_engines! {
    async fn a_person_signs_in_and_is_shut_out_at_once(world) {
        let store = &world.store;
        let who = by("init", "test");
        let short = store.create_user(&user("anna", Role::Viewer, "short"), &who).await;
        assert!(matches!(short, Err(StoreError::Refused { .. })), "{short:?}");
        let anna = store.create_user(&user("anna", Role::Administrator, "correct horse battery"), &who).await.unwrap();
        let double = store.create_user(&user("anna", Role::Viewer, "correct horse battery"), &who).await;
        assert!(matches!(double, Err(StoreError::Taken { .. })), "{double:?}");
        assert_eq!(store.check_password("anna", "correct horse batterz").await.unwrap(), None);
        assert_eq!(store.check_password("nobody", "correct horse battery").await.unwrap(), None);
        assert_eq!(store.check_password("anna", "correct horse battery").await.unwrap(), Some(anna.clone()));
        let opened = store.open_session("anna", Span::from_h(8), &who).await.unwrap();
        let idle = Span::from_min(30);
        let session = store.session(&opened.token, idle, T0).await.unwrap().expect("a session");
        assert_eq!((session.csrf, session.user.role), (opened.csrf, Role::Administrator));
        assert!(store.session("guess", idle, T0).await.unwrap().is_none());
        assert!(store.session(&opened.token, idle, T0 + Span::from_min(31)).await.unwrap().is_none(), "idle too long");
        let shut = User { disabled: Some(T0), ..anna.clone() };
        let last = store.change_user(&shut, &who).await;
        assert!(matches!(last, Err(StoreError::Refused { .. })), "the last administrator: {last:?}");
        assert!(store.session(&opened.token, idle, T0).await.unwrap().is_some(), "a refused change changes nothing");
        store.create_user(&user("bob", Role::Administrator, "another long one"), &who).await.unwrap();
        store.change_user(&shut, &who).await.unwrap();
        assert!(store.session(&opened.token, idle, T0).await.unwrap().is_none());
        assert_eq!(store.check_password("anna", "correct horse battery").await.unwrap(), None);
    }

    async fn links_and_tokens_work_once_or_until_they_end(world) {
        let store = &world.store;
        let who = by("init", "test");
        let new = NewUser { name: "eva".into(), display: "Eva".into(), role: Role::Biomed, password: None };
        store.create_user(&new, &who).await.unwrap();
        assert_eq!(store.check_password("eva", "").await.unwrap(), None, "no password is not an empty password");
        let link = store.new_sign_in_link("eva", Span::from_min(10), &who).await.unwrap();
        assert_eq!(store.spend_sign_in_link(&link.token, T0).await.unwrap().map(|user| user.name), Some("eva".into()));
        assert_eq!(store.spend_sign_in_link(&link.token, T0).await.unwrap(), None, "once");
        let token = store.create_token("siem", Role::Viewer, Span::from_h(1), &who).await.unwrap();
        assert_eq!(store.token(&token.secret, T0).await.unwrap().map(|row| row.role), Some(Role::Viewer));
        assert_eq!(store.token(&link.token, T0).await.unwrap(), None, "one kind of secret is not another");
        assert_eq!(store.token(&token.secret, T0 + Span::from_h(1)).await.unwrap(), None, "it ended");
        assert_eq!(store.sweep(T0 + Span::from_h(1)).await.unwrap(), 1);
        assert!(matches!(store.revoke_token("siem", &who).await, Err(StoreError::NotFound { .. })));
    }
}
