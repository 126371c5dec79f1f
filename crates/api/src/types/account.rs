//! People and tokens.

use wardline_model::{Role, Time};

use crate::described::api_type;
use crate::permission::Permission;

api_type! {
    /// Who the caller is.
    pub struct WhoAmI {
        /// The account's name, or the token's.
        pub name: String,
        /// Its role.
        pub role: Role,
        /// What that role may do.
        pub permissions: Vec<Permission>,
    }

    /// All accounts.
    pub struct Accounts {
        /// The accounts.
        pub accounts: Vec<AccountRow>,
    }

    /// A person who may sign in.
    pub struct AccountRow {
        /// The name to sign in with.
        pub name: String,
        /// The role.
        pub role: Role,
        /// Whether sign-in is refused.
        pub disabled: bool,
        /// When it was made.
        pub created: Time,
        /// The last sign-in.
        pub last_sign_in: Option<Time>,
    }

    /// Makes an account. The answer holds a one-time sign-in link for the person to set a password.
    pub struct NewAccount {
        /// The name to sign in with: 1 to 64 characters.
        pub name: String,
        /// The role.
        pub role: Role,
    }

    /// Changes an account.
    pub struct AccountChange {
        /// A new role.
        pub role: Option<Role>,
        /// Refuse sign-in and end every session and token, or allow it again.
        pub disabled: Option<bool>,
    }

    /// A link that signs a person in once.
    pub struct SignInLink {
        /// For which account.
        pub account: String,
        /// The path and query, to be put behind the hub's address.
        pub path: String,
        /// When it ends.
        pub expires: Time,
    }

    /// All tokens.
    pub struct Tokens {
        /// The tokens.
        pub tokens: Vec<TokenRow>,
    }

    /// A token for the command line or another program. The token itself is not kept.
    pub struct TokenRow {
        /// What people call it; it is revoked by this name.
        pub name: String,
        /// Its role.
        pub role: Role,
        /// Who made it.
        pub by: String,
        /// When it was made.
        pub created: Time,
        /// When it ends.
        pub expires: Time,
        /// The last use.
        pub last_used: Option<Time>,
    }

    /// Asks for a token.
    pub struct NewToken {
        /// What people call it.
        pub name: String,
        /// Its role.
        pub role: Role,
        /// How many days it lives, 1 to 365; 90 when left out.
        pub days: Option<u32>,
    }

    /// A token, shown once.
    pub struct MadeToken {
        /// What people call it.
        pub name: String,
        /// The token: send it as `Authorization: Bearer …`.
        pub token: String,
        /// When it ends.
        pub expires: Time,
    }

    /// Why a call was refused. Every refusal has this form.
    pub struct Problem {
        /// A short word that programs can compare.
        pub code: String,
        /// What was wrong and what to do next.
        pub message: String,
    }
}
