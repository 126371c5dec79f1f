-- Identity for life: what the hub keeps about certificates and pumps beyond the first form of the database.

-- Enrolment that waits for a person.

-- Keys and the end of a pump's life.

-- The certificate authority.

-- Trust roll-over.

-- Take-down: levels, expiry, clones.

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
