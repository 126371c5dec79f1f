//! The certificate authority and the inventory of certificates.

use wardline_model::{AssetTag, CareArea, Owner, PumpId, Time};

use crate::described::{api_type, api_words};
use crate::types::Attention;

api_words! {
    /// What one of the hub's own certificates is for.
    pub enum CertificateUse {
        /// The root that pumps believe.
        Root = "root",
        /// An authority between the hospital's root and the issuing one.
        Between = "between",
        /// The issuing authority.
        Issuing = "issuing",
        /// A hub's server certificate.
        Server = "server",
        /// A hub's server certificate for pumps that believe only the new root, while roots change.
        ServerNewRoot = "server-new-root",
        /// The OCSP responder's.
        Responder = "responder",
    }
}

api_words! {
    /// What has become of a pump's certificate.
    pub enum CertificateState {
        /// Issued, not used yet.
        Pending = "pending",
        /// In use.
        Current = "current",
        /// Replaced by a newer one.
        Superseded = "superseded",
        /// Revoked.
        Revoked = "revoked",
    }
}

api_words! {
    /// Which pumps' certificates are listed.
    pub enum CertificateShow {
        /// In use, the one that ends first on top.
        Current = "current",
        /// In use, and its renewal is late.
        Late = "late",
        /// Ended without a renewal.
        Expired = "expired",
        /// Issued and not used yet.
        Pending = "pending",
        /// Revoked, and not ended.
        Revoked = "revoked",
    }
}

api_type! {
    /// Are the certificates in order, now and for the coming weeks?
    pub struct Certificates {
        /// The answer in a sentence.
        pub answer: String,
        /// How much attention the answer calls for.
        pub attention: Attention,
        /// When it was computed.
        pub at: Time,
        /// What is wrong or will be, the worst first.
        pub alarms: Vec<CertificateAlarm>,
        /// The hub's own certificates: those in use, and those that were replaced and have not ended.
        pub own: Vec<OwnCertificateRow>,
        /// How many certificates of pumps there are.
        pub counts: CertificateCounts,
        /// How many of them end in each of the coming 13 weeks.
        pub forecast: Vec<ForecastWeek>,
        /// When the revocation list has to be replaced at the latest; absent when nobody asked for one since the start.
        pub list_until: Option<Time>,
    }

    /// Something that is wrong or will be.
    pub struct CertificateAlarm {
        /// What, as a sentence.
        pub what: String,
        /// What to do.
        pub advice: String,
        /// How many pumps it is about; 0 when it is about the hub.
        pub pumps: u64,
        /// How urgent.
        pub attention: Attention,
        /// Whose turn it is.
        pub owner: Owner,
        /// When it comes to the worst, if that has a date.
        pub ends: Option<Time>,
    }

    /// One of the hub's own certificates.
    pub struct OwnCertificateRow {
        /// What it is for.
        pub kind: CertificateUse,
        /// Whom it names.
        pub subject: String,
        /// Serial number, hexadecimal.
        pub serial: String,
        /// SHA-256 of the certificate, hexadecimal.
        pub fingerprint: String,
        /// Which hub process uses it; empty for authorities.
        pub node: String,
        /// Valid from.
        pub not_before: Time,
        /// Valid to.
        pub not_after: Time,
        /// When a newer one took its place.
        pub replaced: Option<Time>,
    }

    /// How many certificates of pumps there are.
    pub struct CertificateCounts {
        /// In use and good.
        pub current: u64,
        /// Issued and not used yet.
        pub pending: u64,
        /// Of those in use: the renewal is late.
        pub late: u64,
        /// Ended without a renewal.
        pub expired: u64,
        /// On the revocation list.
        pub listed: u64,
        /// Ever issued.
        pub ever: u64,
    }

    /// One week of the forecast.
    pub struct ForecastWeek {
        /// When it begins.
        pub from: Time,
        /// How many certificates in use end in it, unless they are renewed.
        pub ending: u64,
        /// Of these: the renewal is late already.
        pub late: u64,
    }

    /// A page of pumps' certificates.
    pub struct CertificatePage {
        /// Which.
        pub show: CertificateShow,
        /// How many in all.
        pub total: u64,
        /// From 0.
        pub page: u32,
        /// Rows per page.
        pub page_size: u32,
        /// The rows, the one that ends first on top.
        pub rows: Vec<CertificateListed>,
    }

    /// A pump's certificate in a list.
    pub struct CertificateListed {
        /// Serial number, hexadecimal.
        pub serial: String,
        /// The pump.
        pub pump: PumpId,
        /// What people know it by.
        pub asset_tag: AssetTag,
        /// Where it belongs.
        pub care_area: CareArea,
        /// When it was issued.
        pub issued: Time,
        /// Valid to.
        pub not_after: Time,
        /// What has become of it.
        pub state: CertificateState,
    }
}
