"""What `playmask doctor` looks at. Each finding is a line; a hint says what to do about it."""

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from playmask.cli.actions import matmul_speed
from playmask.inspection.wording import bytes_in_words
from playmask.runtime.threads import usable_cores

PYTHON = (3, 11)
NEEDED = ("playmask", "keras", "jax", "numpy", "tokenizers", "sentencepiece", "safetensors")
OPTIONAL = ("tensorflow", "torch", "jieba", "usearch")
SAMPLE = "评论：这家酒店的早餐很好！"
SECONDS = 1.0  # the time for which each speed is measured
BACKENDS = ("jax", "tensorflow", "torch")

Findings = dict[str, str]
Hints = list[str]


def examine() -> tuple[Findings, Hints]:
    """Look at everything; a part that fails becomes a finding, never an exception."""
    findings: Findings = {}
    hints: Hints = []
    for look in (_python, _packages, _backend, _speeds, _machine, _cache, _fonts, _data):
        try:
            look(findings, hints)
        except Exception as error:
            name = look.__name__.strip("_")
            findings[name] = f"failed: {type(error).__name__}: {error}"
            hints.append(f"{name} is broken: {error}")
    return findings, hints


def _python(findings: Findings, hints: Hints) -> None:
    findings["python"] = f"{platform.python_version()} ({sys.executable})"
    findings["system"] = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if sys.version_info < PYTHON:
        hints.append(f"Python {platform.python_version()} is too old; take 3.11 or newer.")


def _packages(findings: Findings, hints: Hints) -> None:
    for name in (*NEEDED, *OPTIONAL):
        version = _version(name)
        if version is not None or name in NEEDED:
            findings[name] = version or "missing"
        if version is None and name in NEEDED:
            hints.append(f"{name} is not installed: pip install {name}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _backend(findings: Findings, hints: Hints) -> None:
    import keras

    name = keras.backend.backend()
    findings["backend"] = f"{name} ({_why(name)})"
    devices = _devices(name)
    findings["devices"] = ", ".join(devices)
    if not any("cpu" not in device.lower() for device in devices) and _has_nvidia():
        hints.append(
            "There is an NVIDIA card, but the backend does not see it: pip install 'jax[cuda13]'."
            if name == "jax"
            else f"There is an NVIDIA card, but {name} does not see it; install its GPU build."
        )


def _why(name: str) -> str:
    """Why it is this backend: playmask sets KERAS_BACKEND itself, where nobody has."""
    if os.environ.get("KERAS_BACKEND") != name:
        return "Keras' configuration file says so"
    return "playmask's default" if name == "jax" else "KERAS_BACKEND says so"


def _devices(backend: str) -> list[str]:
    if backend == "jax":
        import jax

        return [f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices()]
    if backend == "torch":
        import torch

        cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return cards or ["cpu"]
    import tensorflow

    return [d.name for d in tensorflow.config.list_physical_devices()]


def _has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _speeds(findings: Findings, hints: Hints) -> None:
    """What each installed backend makes of this machine; the fastest is not always the default."""
    import keras

    chosen, rates = keras.backend.backend(), {}
    for backend in dict.fromkeys((chosen, *BACKENDS)):
        if _version(backend) is None:
            continue
        rates[backend] = matmul_speed.measured(backend, SECONDS)
        listed = ", ".join(f"{rate / 1e9:,.0f} in {name}" for name, rate in rates[backend].items())
        findings[f"speed of {backend}"] = f"{listed} (GFLOP/s, products of matrices)"
    hints += matmul_speed.advice(rates, chosen)


def _machine(findings: Findings, hints: Hints) -> None:
    findings["cores"] = str(usable_cores())
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        whole = page * os.sysconf("SC_PHYS_PAGES")
        free = page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    findings["memory"] = f"{bytes_in_words(whole)}, {bytes_in_words(free)} free"
    if whole < 2e9:
        hints.append(f"{bytes_in_words(whole)} of memory is little; small models only.")


def _cache(findings: Findings, hints: Hints) -> None:
    place = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if not place:
        findings["compilation cache"] = "none (JAX_COMPILATION_CACHE_DIR=DIR: quicker starts)"
        return
    folder = Path(place)
    files = [p for p in folder.rglob("*") if p.is_file()] if folder.is_dir() else []
    total = sum(p.stat().st_size for p in files)
    findings["compilation cache"] = f"{folder}: {len(files):,} files, {bytes_in_words(total)}"
    if folder.exists() and not os.access(folder, os.W_OK):
        hints.append(f"The compilation cache {folder} cannot be written to.")


def _fonts(findings: Findings, hints: Hints) -> None:
    from playmask.inspection.fonts import Letters

    letters = Letters([SAMPLE])
    findings["fonts"] = ", ".join(letters.families)
    if letters.missing:
        hints.append(f"No font draws {''.join(sorted(letters.missing))}; install Noto Sans CJK.")


def _data(findings: Findings, hints: Hints) -> None:
    place = os.environ.get("PLAYMASK_DATA")
    findings["PLAYMASK_DATA"] = place or "not set"
    if place and not Path(place).is_dir():
        findings["PLAYMASK_DATA"] += " (no such folder)"
        hints.append(f"PLAYMASK_DATA names {place}, which is no folder.")
