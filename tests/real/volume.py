"""A folder as Kubernetes mounts a secret or a config map: all files change at once, by a rename of a symbolic link."""

import os
import shutil
from pathlib import Path


class Volume:
    def __init__(self, folder: Path):
        self.folder, self.version = folder, 0
        folder.mkdir()

    def write(self, files: dict[str, str]) -> None:
        before, self.version = self.version, self.version + 1
        data = self.folder / f"..{self.version}"
        data.mkdir()
        for name, text in files.items():
            (data / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(data.name)
        os.rename(self.folder / "..data_tmp", self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before:
            shutil.rmtree(self.folder / f"..{before}")
