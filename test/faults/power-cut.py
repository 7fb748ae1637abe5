# Ends an ext4 as a power cut does: power-cut.py FOLDER FLAG (0 flushes all, 1 the journal, 2 nothing).
import fcntl
import os
import struct
import sys

EXT4_IOC_SHUTDOWN = 0x8004587D

fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", int(sys.argv[2])))
os.close(fd)
