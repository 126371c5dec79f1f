"""python-tuf as a client of a repository that Wardline wrote: refresh, find, download. Arguments: root, url, path, out."""
import sys
import tempfile

from tuf.ngclient import Updater, UpdaterConfig

root, url, path, out = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    updater = Updater(
        metadata_dir=folder,
        metadata_base_url=url + "/metadata/",
        target_base_url=url + "/targets/",
        target_dir=folder,
        config=UpdaterConfig(),
        bootstrap=open(root, "rb").read(),
    )
    updater.refresh()
    info = updater.get_targetinfo(path)
    if info is None:
        sys.exit("not listed")
    updater.download_target(info, out)
print("downloaded", info.length)
