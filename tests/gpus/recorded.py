"""Machines with GPUs as their kernels show them: trees of sysfs and of `/proc`, written as they were read."""

from __future__ import annotations

from pathlib import Path

KIB, MIB, GIB = 1024, 1024**2, 1024**3


class Machine:
    """A sysfs and a `/proc` below a folder."""

    def __init__(self, root: Path) -> None:
        self.sys, self.proc = root / "sys", root / "proc"
        self.proc.mkdir()

    def has(
        self,
        place: str,
        driver: str,
        device: str,
        *,
        bridge: str = "pci0000:00",
        pci_class: str = "0x030000",
        status: str = "active",
        control: str = "on",
        **files: str | int,
    ) -> Path:
        """A GPU on the bus; in names of `files` two underscores stand for a folder."""
        folder = self.sys / "devices" / bridge / place
        self._write(folder / "class", f"{pci_class}\n")
        self._write(folder / "device", f"{device}\n")
        self._write(folder / "power" / "runtime_status", f"{status}\n")
        self._write(folder / "power" / "control", f"{control}\n")
        for name, content in files.items():
            self._write(folder / name.replace("__", "/"), f"{content}\n")
        drivers = self.sys / "bus" / "pci" / "drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(drivers)
        listed = self.sys / "bus" / "pci" / "devices"
        listed.mkdir(parents=True, exist_ok=True)
        (listed / place).symlink_to(folder)
        return folder

    def suspends(self, place: str, status: str) -> None:
        """A GPU falls asleep, or wakes."""
        self._write(self.sys / "bus" / "pci" / "devices" / place / "power" / "runtime_status", f"{status}\n")

    def opens(self, pid: int, number: int, device: str, fdinfo: str = "") -> None:
        """A process opens a device; without one it has a terminal and a pipe open."""
        folder = self.proc / str(pid)
        for each, target in ((0, "/dev/pts/0"), (1, "pipe:[4711]"), (number, device)):
            link = folder / "fd" / str(each)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(target)
        self._write(folder / "fdinfo" / "0", "pos:\t0\nflags:\t0100002\nmnt_id:\t29\n")
        self._write(folder / "fdinfo" / str(number), fdinfo)

    def kfd_knows(self, gpu_id: int, location: int, held: dict[int, int]) -> None:
        """ROCm's driver has numbered a GPU and tells what processes hold on it."""
        kfd = self.sys / "class" / "kfd" / "kfd"
        for node, number, place in ((0, 0, 0), (1, gpu_id, location)):
            folder = kfd / "topology" / "nodes" / str(node)
            self._write(folder / "gpu_id", f"{number}\n")
            self._write(
                folder / "properties",
                f"cpu_cores_count 0\nsimd_count 384\nlocation_id {place}\ndomain 0\nunique_id 0x1f\n",
            )
        for pid, size in held.items():
            self._write(kfd / "proc" / str(pid) / f"vram_{gpu_id}", f"{size}\n")

    @staticmethod
    def _write(path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def amdgpu(place: str, client: int, vram_kib: int, gtt_kib: int, cpu_kib: int = 0) -> str:
    """What kernels from 5.19 to 6.12 tell of a client of amdgpu."""
    return (
        "pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t1204\npasid:\t32785\ndrm-driver:\tamdgpu\n"
        f"drm-pdev:\t{place}\ndrm-client-id:\t{client}\ndrm-memory-vram:\t{vram_kib} KiB\n"
        f"drm-memory-gtt: \t{gtt_kib} KiB\ndrm-memory-cpu: \t{cpu_kib} KiB\n"
        f"amd-memory-visible-vram:\t{vram_kib} KiB\namd-evicted-vram:\t0 KiB\n"
        f"amd-requested-vram:\t{vram_kib + 512} KiB\ndrm-engine-gfx:\t39456116802 ns\n"
    )


def amdgpu_since_6_14(place: str, client: int, vram_kib: int, gtt_mib: int) -> str:
    """What later kernels tell: both words, other units, and no unit for nothing."""
    return (
        "pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t1204\ndrm-driver:\tamdgpu\n"
        f"drm-client-id:\t{client}\ndrm-pdev:\t{place}\npasid:\t32785\n"
        "drm-total-cpu:\t0\ndrm-shared-cpu:\t0\ndrm-active-cpu:\t0\ndrm-resident-cpu:\t0\n"
        f"drm-total-gtt:\t{gtt_mib + 8} MiB\ndrm-shared-gtt:\t0\ndrm-active-gtt:\t10 MiB\n"
        f"drm-resident-gtt:\t{gtt_mib} MiB\ndrm-total-vram:\t{vram_kib + 900} KiB\n"
        f"drm-shared-vram:\t13584 KiB\ndrm-active-vram:\t260356 KiB\ndrm-resident-vram:\t{vram_kib} KiB\n"
        f"drm-memory-vram:\t{vram_kib} KiB\ndrm-memory-gtt: \t{gtt_mib * 1024} KiB\n"
        "drm-memory-cpu: \t0 KiB\namd-evicted-vram:\t900 KiB\ndrm-engine-gfx:\t39456116802 ns\n"
    )


def i915(place: str, client: int, system_kib: int, local_kib: int | None = None) -> str:
    """What i915 tells; a card has regions of its own besides."""
    regions = {"system0": system_kib, "stolen-system0": 0}
    if local_kib is not None:
        regions |= {"local0": local_kib, "stolen-local0": 0}
    return (
        "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t284\ndrm-driver:\ti915\n"
        f"drm-client-id:\t{client}\ndrm-pdev:\t{place}\n{_regions(regions)}"
        "drm-engine-render:\t346249 ns\ndrm-engine-capacity-video:\t2\n"
    )


def xe(place: str, client: int, vram_kib: int, gtt_kib: int, system_kib: int = 0) -> str:
    """What xe tells."""
    regions = {"system": system_kib, "gtt": gtt_kib, "vram0": vram_kib, "stolen": 0}
    return (
        "pos:\t0\nflags:\t0100002\nmnt_id:\t26\nino:\t685\ndrm-driver:\txe\n"
        f"drm-client-id:\t{client}\ndrm-pdev:\t{place}\n{_regions(regions)}"
        "drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n"
    )


def _regions(kib: dict[str, int]) -> str:
    lines = []
    for name, size in kib.items():
        told = f"{size} KiB" if size else "0"
        lines += [f"drm-total-{name}:\t{size + 64} KiB", f"drm-shared-{name}:\t0", f"drm-active-{name}:\t0"]
        lines += [f"drm-resident-{name}:\t{told}", f"drm-purgeable-{name}:\t0"]
    return "".join(f"{line}\n" for line in lines)
