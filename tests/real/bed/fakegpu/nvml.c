/* Stands in for libnvidia-ml and libcuda. The cards are the device nodes that can be seen, so a container lists only
 * what it was given. The modification time of the library's own file says what is wrong with them, also inside
 * containers, into which that very file is mounted: below 256 it is a mask of cards that fell off the bus,
 * 1018 a kernel module of another version, anything else is health. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <dlfcn.h>

#ifndef DRIVER_VERSION
#define DRIVER_VERSION "580.95.05"
#endif
enum { OK = 0, BAD_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, NOT_LOADED = 9, LOST = 15, MISMATCH = 18 };
enum { MOST_CARDS = 8, MISMATCH_TIME = 1018 };

typedef void *device;
typedef struct { char legacy[16]; unsigned domain, bus, slot, id, subsystem; char name[32]; } pci_info;
typedef struct { unsigned long long total, free, used; } memory_info;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_info_v2;
typedef struct { unsigned gpu, memory; } utilization;

/* The first eight digits of a UUID: rewritten in the file for each node, so that two nodes never share a card. */
static const char node_mark[] = "BEDNODE:00000000";
static const unsigned long long TOTAL = 49140ULL << 20, USED = 457ULL << 20;

static long state(void) {
  Dl_info own;
  struct stat status;
  if (!dladdr((void *)node_mark, &own) || stat(own.dli_fname, &status)) return -1;
  return (long)status.st_mtime;
}

static int there(int minor) {
  char path[32];
  struct stat status;
  snprintf(path, sizeof path, "/dev/nvidia%d", minor);
  return stat(path, &status) == 0;
}

static int lost(int minor) {
  long now = state();
  return now >= 0 && now < 256 && (now >> minor & 1);
}

static int minor_of(device handle) { return (int)(long)handle - 1; }

int nvmlInit_v2(void) {
  struct stat status;
  if (stat("/dev/nvidiactl", &status)) return NOT_LOADED;
  return state() == MISMATCH_TIME ? MISMATCH : OK;
}
int nvmlInit(void) { return nvmlInit_v2(); }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int code) {
  switch (code) {
    case OK: return "Success";
    case BAD_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case NOT_LOADED: return "Driver Not Loaded";
    case LOST: return "GPU is lost";
    case MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

int nvmlSystemGetDriverVersion(char *out, unsigned size) { snprintf(out, size, "%s", DRIVER_VERSION); return OK; }
int nvmlSystemGetNVMLVersion(char *out, unsigned size) { snprintf(out, size, "13.%s", DRIVER_VERSION); return OK; }
int nvmlSystemGetCudaDriverVersion(int *out) { *out = 13000; return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 13000; return OK; }

int nvmlDeviceGetCount_v2(unsigned *count) {
  *count = 0;
  for (int minor = 0; minor < MOST_CARDS; minor++) *count += there(minor);
  return OK;
}
int nvmlDeviceGetCount(unsigned *count) { return nvmlDeviceGetCount_v2(count); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *out) {
  for (int minor = 0; minor < MOST_CARDS; minor++) {
    if (there(minor) && index-- == 0) {
      *out = (device)(long)(minor + 1);
      return lost(minor) ? LOST : OK;
    }
  }
  return BAD_ARGUMENT;
}
int nvmlDeviceGetHandleByIndex(unsigned index, device *out) { return nvmlDeviceGetHandleByIndex_v2(index, out); }

int nvmlDeviceGetUUID(device handle, char *out, unsigned size) {
  snprintf(out, size, "GPU-%s-0000-4000-8000-%012d", node_mark + 8, minor_of(handle));
  return OK;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device *out) {
  char own[64];
  for (int minor = 0; minor < MOST_CARDS; minor++) {
    *out = (device)(long)(minor + 1);
    nvmlDeviceGetUUID(*out, own, sizeof own);
    if (there(minor) && !strcmp(own, uuid)) return lost(minor) ? LOST : OK;
  }
  return NOT_FOUND;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *id, device *out) {
  unsigned domain, bus;
  if (sscanf(id, "%x:%x", &domain, &bus) != 2 || bus < 6 || !there((int)bus - 6)) return NOT_FOUND;
  *out = (device)(long)(bus - 6 + 1);
  return OK;
}

int nvmlDeviceGetIndex(device handle, unsigned *out) {
  *out = 0;
  for (int minor = 0; minor < minor_of(handle); minor++) *out += there(minor);
  return OK;
}
int nvmlDeviceGetMinorNumber(device handle, unsigned *out) { *out = (unsigned)minor_of(handle); return OK; }
int nvmlDeviceGetName(device handle, char *out, unsigned size) { (void)handle; snprintf(out, size, "NVIDIA RTX A6000"); return OK; }

int nvmlDeviceGetPciInfo_v3(device handle, pci_info *out) {
  memset(out, 0, sizeof *out);
  out->bus = (unsigned)minor_of(handle) + 6;
  out->id = 0x223010de;
  out->subsystem = 0x145910de;
  snprintf(out->legacy, sizeof out->legacy, "0000:%02X:00.0", out->bus);
  snprintf(out->name, sizeof out->name, "00000000:%02X:00.0", out->bus);
  return OK;
}

int nvmlDeviceGetMemoryInfo(device handle, memory_info *out) {
  if (lost(minor_of(handle))) return LOST;
  *out = (memory_info){TOTAL, TOTAL - USED, USED};
  return OK;
}
int nvmlDeviceGetMemoryInfo_v2(device handle, memory_info_v2 *out) {
  if (lost(minor_of(handle))) return LOST;
  *out = (memory_info_v2){out->version, TOTAL, 0, TOTAL - USED, USED};
  return OK;
}
int nvmlDeviceGetUtilizationRates(device handle, utilization *out) {
  if (lost(minor_of(handle))) return LOST;
  *out = (utilization){7, 1};
  return OK;
}
int nvmlDeviceGetTemperature(device handle, int sensor, unsigned *out) {
  (void)sensor;
  *out = 36;
  return lost(minor_of(handle)) ? LOST : OK;
}
int nvmlDeviceGetPowerUsage(device handle, unsigned *out) { *out = 22500; return lost(minor_of(handle)) ? LOST : OK; }
int nvmlDeviceGetEnforcedPowerLimit(device handle, unsigned *out) { (void)handle; *out = 300000; return OK; }
int nvmlDeviceGetClockInfo(device handle, int kind, unsigned *out) { (void)kind; *out = 210; return lost(minor_of(handle)) ? LOST : OK; }
int nvmlDeviceGetPersistenceMode(device handle, int *out) { (void)handle; *out = 1; return OK; }
int nvmlDeviceGetCudaComputeCapability(device handle, int *major, int *minor) { (void)handle; *major = 8; *minor = 6; return OK; }
int nvmlDeviceGetComputeRunningProcesses_v3(device handle, unsigned *count, void *out) { (void)handle; (void)out; *count = 0; return OK; }
int nvmlDeviceGetMigMode(device handle, unsigned *now, unsigned *pending) { (void)handle; *now = *pending = 0; return NOT_SUPPORTED; }
int nvmlDeviceIsMigDeviceHandle(device handle, unsigned *out) { (void)handle; *out = 0; return OK; }
