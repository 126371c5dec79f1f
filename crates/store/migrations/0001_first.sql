-- The first form of the database. One text for both engines: {TEXT} sorts by bytes on both, {BYTES} is the engine's
-- word for bytes, {CLUSTERED} keeps a table in the order of its key where the engine can. Times are milliseconds since
-- 1970. Words are those of the model.

CREATE TABLE facts (
  name {TEXT} NOT NULL PRIMARY KEY,
  value {TEXT} NOT NULL
);

CREATE TABLE data_keys (
  id BIGINT NOT NULL PRIMARY KEY,
  wrapped {BYTES} NOT NULL,
  created BIGINT NOT NULL,
  retired BIGINT
);

CREATE TABLE pumps (
  id {TEXT} NOT NULL PRIMARY KEY,
  model {TEXT} NOT NULL,
  serial {TEXT} NOT NULL,
  asset_tag {TEXT} NOT NULL UNIQUE,
  care_area {TEXT} NOT NULL,
  lifecycle {TEXT} NOT NULL,
  lifecycle_by {TEXT} NOT NULL,
  lifecycle_reason {TEXT} NOT NULL,
  lifecycle_since BIGINT NOT NULL,
  last_seen BIGINT,
  last_place {TEXT},
  linked_since BIGINT,
  link_node {TEXT},
  clock_offset_ms BIGINT,
  hold {TEXT} NOT NULL,
  waits {TEXT} NOT NULL,
  waiting_since BIGINT,
  search {TEXT} NOT NULL,
  UNIQUE (model, serial)
);
CREATE INDEX pumps_by_care_area ON pumps (care_area, asset_tag);
CREATE INDEX pumps_by_lifecycle ON pumps (lifecycle, asset_tag);
CREATE INDEX pumps_by_serial ON pumps (serial);
CREATE INDEX pumps_by_link_node ON pumps (link_node);

CREATE TABLE reports (
  pump {TEXT} NOT NULL PRIMARY KEY,
  report {TEXT} NOT NULL,
  received BIGINT NOT NULL
){CLUSTERED};

CREATE TABLE goals (
  pump {TEXT} NOT NULL PRIMARY KEY,
  generation BIGINT NOT NULL,
  signed {BYTES} NOT NULL,
  decided BIGINT NOT NULL
){CLUSTERED};

CREATE TABLE certificates (
  serial {TEXT} NOT NULL PRIMARY KEY,
  fingerprint {TEXT} NOT NULL UNIQUE,
  pump {TEXT} NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  issued BIGINT NOT NULL,
  state {TEXT} NOT NULL,
  revoked_at BIGINT,
  revoked_code BIGINT,
  revoked_reason {TEXT},
  der {BYTES} NOT NULL
);
CREATE INDEX certificates_by_pump ON certificates (pump, state);
CREATE INDEX certificates_by_end ON certificates (state, not_after);

CREATE TABLE enrolment_codes (
  id {TEXT} NOT NULL PRIMARY KEY,
  hash {TEXT} NOT NULL UNIQUE,
  pump {TEXT} NOT NULL,
  created BIGINT NOT NULL,
  created_by {TEXT} NOT NULL,
  expires BIGINT NOT NULL,
  used BIGINT
);
CREATE INDEX enrolment_codes_by_pump ON enrolment_codes (pump);

CREATE TABLE journals (
  pump {TEXT} NOT NULL,
  journal BIGINT NOT NULL,
  ordinal BIGINT NOT NULL,
  durable BIGINT NOT NULL,
  PRIMARY KEY (pump, journal),
  UNIQUE (pump, ordinal)
){CLUSTERED};

CREATE TABLE events (
  pump {TEXT} NOT NULL,
  ordinal BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  received BIGINT NOT NULL,
  body {TEXT} NOT NULL,
  detail {BYTES},
  PRIMARY KEY (pump, ordinal, seq)
){CLUSTERED};

CREATE TABLE metadata_files (
  name {TEXT} NOT NULL PRIMARY KEY,
  bytes {BYTES} NOT NULL,
  published BIGINT NOT NULL
);

CREATE TABLE artifacts (
  digest {TEXT} NOT NULL PRIMARY KEY,
  path {TEXT} NOT NULL,
  length BIGINT NOT NULL,
  published BIGINT NOT NULL,
  bytes {BYTES} NOT NULL
);

CREATE TABLE releases (
  kind {TEXT} NOT NULL,
  version BIGINT NOT NULL,
  path {TEXT} NOT NULL,
  digest {TEXT} NOT NULL,
  length BIGINT NOT NULL,
  entries BIGINT,
  notes {TEXT} NOT NULL,
  signers {TEXT} NOT NULL,
  state {TEXT} NOT NULL,
  published BIGINT NOT NULL,
  published_by {TEXT} NOT NULL,
  withdrawn_reason {TEXT},
  PRIMARY KEY (kind, version)
);

CREATE TABLE rollouts (
  id BIGINT NOT NULL PRIMARY KEY,
  kind {TEXT} NOT NULL,
  version BIGINT NOT NULL,
  rules {TEXT} NOT NULL,
  state {TEXT} NOT NULL,
  state_reason {TEXT} NOT NULL,
  state_since BIGINT NOT NULL,
  state_by {TEXT} NOT NULL,
  started BIGINT NOT NULL,
  started_by {TEXT} NOT NULL
);

CREATE TABLE adoption_samples (
  kind {TEXT} NOT NULL,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  settled BIGINT NOT NULL,
  staged BIGINT NOT NULL,
  wanted BIGINT NOT NULL,
  PRIMARY KEY (kind, version, at)
);

CREATE TABLE accounts (
  name {TEXT} NOT NULL PRIMARY KEY,
  display {TEXT} NOT NULL,
  role {TEXT} NOT NULL,
  password {TEXT},
  disabled BIGINT,
  created BIGINT NOT NULL,
  last_sign_in BIGINT
);

CREATE TABLE sessions (
  hash {TEXT} NOT NULL PRIMARY KEY,
  account {TEXT} NOT NULL,
  csrf {BYTES} NOT NULL,
  opened BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account);

CREATE TABLE sign_in_links (
  hash {TEXT} NOT NULL PRIMARY KEY,
  account {TEXT} NOT NULL,
  expires BIGINT NOT NULL
);

CREATE TABLE tokens (
  name {TEXT} NOT NULL PRIMARY KEY,
  hash {TEXT} NOT NULL UNIQUE,
  role {TEXT} NOT NULL,
  created BIGINT NOT NULL,
  created_by {TEXT} NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT
);

CREATE TABLE audit (
  number BIGINT NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL,
  actor {TEXT} NOT NULL,
  action {TEXT} NOT NULL,
  pump {TEXT},
  subject {TEXT} NOT NULL,
  reason {TEXT} NOT NULL,
  verdict {TEXT} NOT NULL,
  hash {TEXT} NOT NULL
);
CREATE INDEX audit_by_pump ON audit (pump, number);

CREATE TABLE audit_head (
  id BIGINT NOT NULL PRIMARY KEY,
  number BIGINT NOT NULL,
  hash {TEXT} NOT NULL
);

CREATE TABLE audit_checkpoints (
  number BIGINT NOT NULL PRIMARY KEY,
  hash {TEXT} NOT NULL,
  at BIGINT NOT NULL,
  signature {BYTES} NOT NULL
);

CREATE TABLE sightings (
  claim {TEXT} NOT NULL,
  source {TEXT} NOT NULL,
  reason {TEXT} NOT NULL,
  times BIGINT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (claim, source, reason)
);

INSERT INTO audit_head (id, number, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
