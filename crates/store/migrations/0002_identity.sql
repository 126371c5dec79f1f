-- Identity for life: what the hub keeps about certificates and pumps beyond the first form of the database.

-- Enrolment that waits for a person. `key` is the SHA-256 of the request's public key, `birth` that of the birth
-- certificate. Certificates know the SHA-256 of their public key (nothing for those from before), so that no key gets a
-- second one.
CREATE TABLE enrolment_approvals (
  id {TEXT} NOT NULL PRIMARY KEY,
  pump {TEXT} NOT NULL,
  key {TEXT} NOT NULL,
  birth {TEXT} NOT NULL,
  label {TEXT} NOT NULL,
  place {TEXT} NOT NULL,
  asked BIGINT NOT NULL,
  asked_last BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  state {TEXT} NOT NULL,
  decided BIGINT,
  decided_by {TEXT},
  reason {TEXT},
  UNIQUE (pump, key, birth)
);
CREATE INDEX enrolment_approvals_by_state ON enrolment_approvals (state, asked);
ALTER TABLE certificates ADD COLUMN key_hash {TEXT};
CREATE INDEX certificates_by_key ON certificates (key_hash);

-- Keys and the end of a pump's life.
CREATE TABLE wipe_orders (
  nonce {TEXT} NOT NULL PRIMARY KEY,
  pump {TEXT} NOT NULL,
  ending {TEXT} NOT NULL,
  certificates {TEXT} NOT NULL,
  decided BIGINT NOT NULL,
  fetched BIGINT,
  withdrawn BIGINT,
  receipt {BYTES},
  received BIGINT
);
CREATE INDEX wipe_orders_by_pump ON wipe_orders (pump, decided);

-- The certificate authority.
CREATE TABLE own_certificates (
  fingerprint {TEXT} NOT NULL PRIMARY KEY,
  serial {TEXT} NOT NULL,
  kind {TEXT} NOT NULL,
  subject {TEXT} NOT NULL,
  node {TEXT} NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  issued BIGINT NOT NULL,
  replaced BIGINT,
  der {BYTES} NOT NULL
);

-- Trust roll-over.
CREATE TABLE roll_overs (
  number BIGINT NOT NULL PRIMARY KEY,
  what {TEXT} NOT NULL,
  stage {TEXT} NOT NULL,
  root BIGINT NOT NULL,
  issuing BIGINT NOT NULL,
  begun BIGINT NOT NULL,
  begun_by {TEXT} NOT NULL,
  reason {TEXT} NOT NULL,
  changed BIGINT NOT NULL
);

-- Take-down: levels, expiry, clones.

ALTER TABLE pumps ADD COLUMN quarantine_level {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_former {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_before {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_cause {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_by {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_reason {TEXT};
ALTER TABLE pumps ADD COLUMN quarantine_since BIGINT;
ALTER TABLE pumps ADD COLUMN quarantine_until BIGINT;
UPDATE pumps SET quarantine_level = 'cut', quarantine_former = 'enrolled', quarantine_cause = 'person',
  quarantine_by = lifecycle_by, quarantine_reason = lifecycle_reason, quarantine_since = lifecycle_since
  WHERE lifecycle = 'quarantined';
CREATE INDEX pumps_by_quarantine ON pumps (quarantine_level, quarantine_cause);

CREATE TABLE watched (
  pump {TEXT} NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  what {TEXT} NOT NULL,
  detail {TEXT} NOT NULL,
  times BIGINT NOT NULL,
  PRIMARY KEY (pump, number)
){CLUSTERED};

CREATE TABLE suspects (
  pump {TEXT} NOT NULL,
  kind {TEXT} NOT NULL,
  detail {TEXT} NOT NULL,
  times BIGINT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  closed BIGINT,
  closed_by {TEXT} NOT NULL,
  PRIMARY KEY (pump, kind)
);

CREATE TABLE admissions (
  pump {TEXT} NOT NULL PRIMARY KEY,
  user_name {TEXT} NOT NULL,
  station {TEXT} NOT NULL,
  nas {TEXT} NOT NULL,
  at BIGINT NOT NULL
);

-- Provisioning.
CREATE TABLE settings (
  name {TEXT} NOT NULL PRIMARY KEY,
  value {TEXT} NOT NULL,
  revision BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  changed_by {TEXT} NOT NULL
);
CREATE TABLE approvals_by_rule (
  pump {TEXT} NOT NULL PRIMARY KEY,
  rule {TEXT} NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX approvals_by_rule_name ON approvals_by_rule (rule);
CREATE TABLE pump_profiles (
  pump {TEXT} NOT NULL PRIMARY KEY,
  profile {TEXT} NOT NULL
);
