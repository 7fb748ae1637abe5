/* Preloaded into the kit: lets calls on one file fail from the n-th on, cuts the power of its file system there, or only
   counts the calls or makes them slow. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#define EXT4_IOC_SHUTDOWN 0x8004587dUL

static _Atomic long calls;

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/* The path behind fd, if it ends as FAULT_FILE says; any, if that is "*". */
static int is_meant(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  const char *end = setting("FAULT_FILE");
  size_t wanted = strlen(end);
  if (strcmp(end, "*") == 0) return 1;
  return wanted > 0 && (size_t)length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static void report(const char *path) {
  int fd = open(setting("FAULT_REPORT"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return;
  dprintf(fd, "%s %s %s\n", setting("FAULT_ACTION"), setting("FAULT_CALL"), path);
  close(fd);
}

static void cut_power(char *path, unsigned int flag) {
  int fd = open(dirname(path), O_RDONLY);
  ioctl(fd, EXT4_IOC_SHUTDOWN, &flag);
  kill(getpid(), SIGKILL);
  pause();
}

/* True when the call is to fail, with errno set. */
static int fails(const char *call, int fd) {
  char path[4096];
  if (strcmp(setting("FAULT_CALL"), call) != 0 || !is_meant(fd, path, sizeof path)) return 0;
  long nth = ++calls;
  long first = atol(setting("FAULT_FIRST"));
  if (nth < first || nth >= first + atol(setting("FAULT_TIMES"))) return 0;
  const char *action = setting("FAULT_ACTION");
  if (strncmp(action, "SLOW", 4) == 0) {
    usleep(1000 * (useconds_t)atoi(action + 4));
    return 0;
  }
  report(path);
  if (strcmp(action, "COUNT") == 0) return 0;
  if (strncmp(action, "POWER", 5) == 0) cut_power(path, (unsigned int)atoi(action + 5));
  errno = strcmp(action, "ENOSPC") == 0 ? ENOSPC : EIO;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
  return fails("write", fd) ? -1 : NEXT(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, at);
}

int fsync(int fd) {
  return fails("sync", fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
  return fails("sync", fd) ? -1 : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t length) {
  return fails("truncate", fd) ? -1 : NEXT(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  return fails("truncate", fd) ? -1 : NEXT(ftruncate64)(fd, length);
}
