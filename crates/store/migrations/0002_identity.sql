-- Identity for life: what the hub keeps about certificates and pumps beyond the first form of the database.

-- Enrolment that waits for a person.

-- Keys and the end of a pump's life.

-- The certificate authority.

-- Trust roll-over.

-- Take-down: levels, expiry, clones.

-- Provisioning.
