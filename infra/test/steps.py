"""Steps of a test run, and where its tools are."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
INFRA = HERE.parent
ROOT = INFRA.parent
WORK = ROOT / "target" / "infra"
PROVIDER = "registry.terraform.io/hashicorp/aws"


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Steps:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.begun = time.monotonic()
        WORK.mkdir(parents=True, exist_ok=True)

    def step(self, name, work, *arguments):
        """Does `work`, which answers what there is to say. A failure does not stop the steps after it."""
        begun = time.monotonic()
        tell = lambda word, what: print(f"{word:4} {name:12} {time.monotonic() - begun:6.1f} s  {what}", flush=True)
        try:
            said = work(*arguments)
        except Skipped as skipped:
            if os.environ.get("CI") == "true" and os.environ.get("TIDEGATE_TF_OPTIONAL") != "1":
                self.failed += 1
                tell("FAIL", f"skipped, which CI does not take: {skipped}")
            else:
                self.skipped += 1
                tell("skip", skipped)
            return None
        except Failed as failed:
            self.failed += 1
            tell("FAIL", failed)
            return None
        except Exception:
            self.failed += 1
            tell("FAIL", traceback.format_exc())
            return None
        self.passed += 1
        tell("ok", said)
        return said

    def end(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped, {time.monotonic() - self.begun:.0f} s")
        return 1 if self.failed else 0


def call(*words, cwd=None, env=None, ok=(0,), timeout=1200) -> subprocess.CompletedProcess:
    done = subprocess.run([str(w) for w in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout)
    if done.returncode not in ok:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-60:])
        raise Failed(f"{' '.join(map(str, words[:4]))} in {cwd or '.'} ended with {done.returncode}:\n{said}")
    return done


def tidegate() -> pathlib.Path:
    """The binary that tests build, built if it is not there."""
    binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/tidegate"
    if not binary.exists():
        call("cargo", "build", "--quiet", cwd=ROOT)
    return binary


def python(*packages: str) -> pathlib.Path:
    """A Python of our own with these packages, made once."""
    home = WORK / "venv"
    binary = home / "bin" / "python"
    if not binary.exists():
        call(sys.executable, "-m", "venv", home)
    have = call(binary, "-m", "pip", "freeze").stdout.lower().split()
    plain = lambda package: package.lower().split("[")[0] + "==" + package.split("==")[1]
    missing = [package for package in packages if plain(package) not in have]
    if missing:
        call(binary, "-m", "pip", "install", "--quiet", *missing)
    return binary


# ---------------------------------------------------------------- Terraform


def mirror() -> pathlib.Path | None:
    """A folder that `-plugin-dir` takes: named by the environment, else found by looking where machines keep things."""
    if named := os.environ.get("TIDEGATE_TF_PLUGIN_DIR"):
        return pathlib.Path(named)
    home = pathlib.Path.home()
    likely = [home / ".terraform.d/plugins", pathlib.Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "terraform/plugins"]
    for place in likely:
        if (place / PROVIDER).is_dir():
            return place
    tops = [p for p in pathlib.Path("/").iterdir() if p.name not in {"proc", "sys", "dev", "run", "tmp", "boot", "lost+found"}]
    for top in tops:
        for folder, below, _ in os.walk(top, onerror=lambda error: None):
            depth = len(pathlib.Path(folder).parts)
            if (pathlib.Path(folder) / PROVIDER).is_dir():
                return pathlib.Path(folder)
            if depth >= 4:
                below.clear()
            below[:] = [b for b in below if not b.startswith(".") and b != "node_modules" and not os.path.ismount(os.path.join(folder, b))]
    return None


class Terraform:
    """Terraform, in copies of the tree: nothing is ever planned or applied where it is committed."""

    def __init__(self):
        self.binary = shutil.which("terraform")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env |= {
            "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-west-1",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull, "TF_CLI_CONFIG_FILE": self.configuration(),
        }
        self.plugins = self.lost = None

    @staticmethod
    def configuration():
        wanted = os.environ.get("TF_CLI_CONFIG_FILE", "")
        if wanted and os.path.exists(wanted):
            return wanted
        empty = WORK / "empty.tfrc"
        empty.write_text("")
        return str(empty)

    def need(self):
        if not self.binary:
            raise Skipped("there is no terraform on PATH: take version 1.11 or later from HashiCorp's releases or packages")
        return self

    def init(self, root):
        """With the provider of this machine if it has one, else from the registry."""
        self.need()
        if self.plugins is None:
            self.plugins = mirror() or False
        words = [f"-plugin-dir={self.plugins}"] if self.plugins else []
        locked = ["-lockfile=readonly"] if (root / ".terraform.lock.hcl").exists() else []
        try:
            self.run(root, "init", "-input=false", *locked, *words)
        except Failed as failed:
            told = re.findall(r"Error: (.*)", str(failed))
            self.lost = f"the provider {PROVIDER} is neither here nor to be had ({'; '.join(told)}); TIDEGATE_TF_PLUGIN_DIR names a mirror"
            raise Skipped(self.lost) from failed

    def run(self, root, *words, ok=(0,), **env):
        if self.lost:
            raise Skipped(self.lost)
        return call(self.binary, words[0], *([] if words[0] in ("fmt", "show") else ["-no-color"]), *words[1:], cwd=root, env=self.env | env, ok=ok)

    def copy(self, name, *, offline=False, unlocked=False) -> pathlib.Path:
        """A copy of infra/ that no account is behind. `unlocked`: what must never be destroyed can be, in the copy."""
        to = WORK / name
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(INFRA, to, symlinks=False, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", "__pycache__"))
        roots = [to / "envs/dev", to / "envs/prod", to / "bootstrap"]
        for root in roots:
            for override in HERE.glob("zz_*_override.tf"):
                if offline or "offline" not in override.name:
                    shutil.copy(override, root)
        if unlocked:
            for file in to.rglob("*.tf"):
                text = file.read_text()
                changed = text.replace("prevent_destroy = true", "prevent_destroy = false")
                if changed != text:
                    file.write_text(changed)
        return to
