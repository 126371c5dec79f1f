"""python-tuf as the writer of a repository that Wardline's client reads. Argument: the folder to write into."""
import sys
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

folder = Path(sys.argv[1])
artifact = b"a library that python-tuf published"
expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
signer = {name: CryptoSigner.generate_ed25519() for name in
          ["root1", "root2", "timestamp", "snapshot", "targets", "anna", "ben"]}

root = Root(expires=expires, consistent_snapshot=True)
for name, role in [("root1", "root"), ("root2", "root"), ("timestamp", "timestamp"),
                   ("snapshot", "snapshot"), ("targets", "targets")]:
    root.add_key(signer[name].public_key, role)
root.roles["root"].threshold = 2

library = Targets(expires=expires)
library.targets["drug-library/7.json"] = TargetFile(
    len(artifact), {"sha256": sha256(artifact).hexdigest()}, "drug-library/7.json",
    {"custom": {"wardline": {"kind": "drug-library", "version": 7, "entries": 1}}})
people = [signer["anna"].public_key, signer["ben"].public_key]
targets = Targets(expires=expires, delegations=Delegations(
    {key.keyid: key for key in people},
    {"drug-library": DelegatedRole("drug-library", [key.keyid for key in people], 2, True, ["drug-library/*"])}))


def write(name, signed, *signers):
    metadata = Metadata(signed)
    for who in signers:
        metadata.sign(signer[who], append=True)
    data = metadata.to_bytes()
    (folder / name).write_bytes(data)
    return data


def described(data):
    return MetaFile(1, len(data), {"sha256": sha256(data).hexdigest()})


write("1.root.json", root, "root1", "root2")
snapshot = Snapshot(expires=expires, meta={
    "targets.json": described(write("1.targets.json", targets, "targets")),
    "drug-library.json": described(write("1.drug-library.json", library, "anna", "ben")),
})
timestamp = Timestamp(expires=expires, snapshot_meta=described(write("1.snapshot.json", snapshot, "snapshot")))
write("timestamp.json", timestamp, "timestamp")
(folder / "artifact").write_bytes(artifact)
