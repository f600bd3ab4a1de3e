/* A disk that takes its time: preloaded into a node, it delays what is written and forced below SLOW_FOLDER by as many
   microseconds as the file SLOW_MICROSECONDS says, or says meanwhile. Everything else is as it was. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STEP_US = 10000 };

static long delay_us(void) {
    char text[16] = {0};
    const char *path = getenv("SLOW_MICROSECONDS");
    long descriptor = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return 0;
    long count = syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
    return count > 0 ? atol(text) : 0;
}

static void take_time(int descriptor) {
    char link[64], path[4096];
    const char *folder = getenv("SLOW_FOLDER");
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path);
    size_t prefix = folder ? strlen(folder) : 0;
    if (!prefix || length < (ssize_t)prefix || memcmp(path, folder, prefix)) return;
    const struct timespec step = {0, STEP_US * 1000};
    for (long taken_us = 0; taken_us < delay_us(); taken_us += STEP_US) nanosleep(&step, NULL);
}

#define SLOW(result, name, parameters, arguments)                         \
    result name parameters {                                              \
        static result(*real) parameters;                                  \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);             \
        take_time(descriptor);                                            \
        return real arguments;                                            \
    }

SLOW(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
SLOW(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at))
SLOW(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off64_t at), (descriptor, data, size, at))
SLOW(int, fsync, (int descriptor), (descriptor))
SLOW(int, fdatasync, (int descriptor), (descriptor))
