"""System calls that a host never needs, by name, and their numbers on each architecture.

The numbers are those of `asm/unistd_64.h` and `asm-generic/unistd.h`; a test compares them with these files.
Calls from number 424 on have the same number everywhere.
"""

from __future__ import annotations

ARCHITECTURES = ("x86_64", "aarch64")

DENIED: dict[str, tuple[str, ...]] = {
    "starts a process or a program": ("fork", "vfork", "execve", "execveat"),
    "signals another process": (
        *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal"),
    ),
    "looks into another process or changes its memory": (
        *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
        *("pidfd_getfd", "get_robust_list", "migrate_pages", "move_pages"),
    ),
    "takes processor time from another process": (
        *("setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr"),
    ),
    "shares memory or messages with another process by a number or a name": (
        *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
        *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    ),
    # A pair of datagram sockets could send to any address.
    "talks to others": (*("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),),
    # What Landlock does not govern: attributes in all versions, cutting a file short before its third.
    "changes a file without opening it": (
        *(
            "creat",
            "truncate",
            "chmod",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "chown",
            "fchown",
            "lchown",
            "fchownat",
        ),
        *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "file_setattr"),
        *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
        *("utime", "utimes", "futimesat", "utimensat", "open_by_handle_at", "fanotify_init"),
    ),
    "leaves its view of the file system": (
        *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "open_tree_attr"),
        *("move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    ),
    "reaches parts of the kernel that are rarely used": (
        *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
        *("add_key", "request_key", "keyctl", "kexec_load", "kexec_file_load"),
        *("init_module", "finit_module", "delete_module", "iopl", "ioperm"),
    ),
    # Privileged; a program that is run by root shall not have them either.
    "administers the machine": (
        *("reboot", "swapon", "swapoff", "sethostname", "setdomainname", "settimeofday", "clock_settime"),
        *("adjtimex", "clock_adjtime", "acct", "syslog", "quotactl", "quotactl_fd", "vhangup"),
    ),
    "becomes another user": (
        *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups"),
        *("setfsuid", "setfsgid", "capset"),
    ),
}
"""The calls that are refused whatever their arguments, by what they would do."""

DENIED_REQUESTS: dict[str, dict[str, int]] = {
    # The kernel would then send a signal to any process when there is something to read.
    "fcntl": {"F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15},
    "ioctl": {
        **{"FIOSETOWN": 0x8901, "SIOCSPGRP": 0x8902},
        # Typing into a terminal.
        **{"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "TIOCSCTTY": 0x540E},
    },
}
"""Calls of which only these requests, the second argument, are refused."""

EMPTYING: dict[str, int] = {"open": 1, "openat": 2}
"""Calls that empty a file when this argument has `O_TRUNC`, also one that is opened for reading."""

FLAGS_IN_MEMORY = ("clone3", "openat2")
"""Calls whose flags are out of a filter's reach; where they do not exist the older ones are taken."""

OWN_PROCESS_ONLY: dict[str, tuple[int, ...]] = {
    "tgkill": (0,),
    "kcmp": (0, 1),
    "prlimit64": (0,),
    # Also of the process's own threads only the first: nobody could say in advance which numbers they get.
    "sched_setaffinity": (0,),
}
"""Calls that are refused unless these of their arguments name the process itself."""

MEANS_SELF_AS_ZERO = ("prlimit64", "sched_setaffinity")
"""Those of them that take 0 for the process, or thread, that calls."""

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "accept": (43, 202),
    "accept4": (288, 242),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bind": (49, 200),
    "bpf": (321, 280),
    "capset": (126, 91),
    "chmod": (90, None),
    "chown": (92, None),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "connect": (42, 203),
    "creat": (85, None),
    "delete_module": (176, 106),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fcntl": (72, 25),
    "file_setattr": (469, 469),
    "finit_module": (313, 273),
    "fork": (57, None),
    "fremovexattr": (199, 16),
    "fsconfig": (431, 431),
    "fsetxattr": (190, 7),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "futimesat": (261, None),
    "get_robust_list": (274, 100),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lchown": (94, None),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "setdomainname": (171, 162),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "setgid": (106, 144),
    "setgroups": (116, 159),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "setregid": (114, 143),
    "setresgid": (119, 149),
    "setresuid": (117, 147),
    "setreuid": (113, 145),
    "settimeofday": (164, 170),
    "setuid": (105, 146),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "truncate": (76, 45),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    "vfork": (58, None),
    "vhangup": (153, 58),
}
"""Number of each call on each of `ARCHITECTURES`; None where it does not have the call."""


def number(name: str, architecture: str) -> int | None:
    """Give the number of a call; None where the architecture does not have it."""
    return NUMBERS[name][ARCHITECTURES.index(architecture)]
