/* A libnvidia-ml.so.1 whose answers stand in the file named by FAKE_NVML: `key value` a line, read at each call.

   Layouts and numbers are nvml.h's. Keys: init, cards, lost, dropped, fans, mig, memory_v2, events, pid, xid, error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned int u32;
typedef unsigned long long u64;
struct card { u32 index; u32 instance; };
static struct card cards[8];
static struct card instances[8];
static int reported;

static long value(const char *key, long otherwise) {
  const char *path = getenv("FAKE_NVML");
  FILE *file = path ? fopen(path, "r") : NULL;
  char name[64];
  long number, found = otherwise;
  if (!file) return otherwise;
  while (fscanf(file, "%63s %ld", name, &number) == 2)
    if (!strcmp(name, key)) found = number;
  fclose(file);
  return found;
}

static int state(void *handle) {
  struct card *card = handle;
  long error = value("error", 0);
  if (error) return (int)error;
  return value("lost", -1) == (long)card->index ? 15 : 0;
}
#define CHECK(handle) do { int s = state(handle); if (s) return s; } while (0)

int nvmlInitWithFlags(u32 flags) { (void)flags; return (int)value("init", 0); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { (void)code; return "fake"; }
int nvmlSystemGetDriverVersion(char *text, u32 size) { snprintf(text, size, "%d.159.04", BRANCH); return 0; }
int nvmlDeviceGetCount_v2(u32 *count) { *count = (u32)(value("cards", 1) - value("dropped", 0)); return 0; }
int nvmlDeviceGetHandleByIndex_v2(u32 index, struct card **handle) {
  cards[index].index = index;
  *handle = &cards[index];
  return state(*handle);
}
int nvmlDeviceGetName(struct card *card, char *text, u32 size) {
  CHECK(card);
  snprintf(text, size, card->instance ? "NVIDIA H100 80GB HBM3 MIG 1g.10gb" : "NVIDIA H100 80GB HBM3");
  return 0;
}
int nvmlDeviceGetUUID(struct card *card, char *text, u32 size) {
  CHECK(card);
  snprintf(text, size, "%s-a000000%u-1111-2222-3333-00000000000%u", card->instance ? "MIG" : "GPU", card->index, card->instance);
  return 0;
}
struct pci { char old[16]; u32 domain, bus, device, id, subsystem; char text[32]; };
int nvmlDeviceGetPciInfo_v3(struct card *card, struct pci *pci) {
  CHECK(card);
  memset(pci, 0, sizeof *pci);
  snprintf(pci->text, sizeof pci->text, "00000000:0%u:00.0", card->index + 6);
  return 0;
}
int nvmlDeviceGetUtilizationRates(struct card *card, u32 *rates) {
  CHECK(card);
  if (value("mig", 0)) return 3;
  rates[0] = 98; rates[1] = 41;
  return 0;
}
int nvmlDeviceGetMemoryInfo(struct card *card, u64 *memory) {
  CHECK(card);
  memory[0] = 85520809984ULL; memory[2] = 6578765824ULL; memory[1] = memory[0] - memory[2];
  return 0;
}
struct memory2 { u32 version; u64 total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(struct card *card, struct memory2 *memory) {
  CHECK(card);
  if (!value("memory_v2", 1)) return 13;
  if (memory->version != 0x02000028) return 25;
  memory->total = card->instance ? 10737418240ULL : 85520809984ULL;
  memory->used = card->instance ? 4294967296ULL : 5933891584ULL;
  return 0;
}
int nvmlDeviceGetTemperature(struct card *card, u32 sensor, u32 *degrees) { (void)sensor; CHECK(card); *degrees = 49; return 0; }
int nvmlDeviceGetTemperatureThreshold(struct card *card, u32 kind, u32 *degrees) { CHECK(card); *degrees = kind == 1 ? 90 : 95; return 0; }
int nvmlDeviceGetPowerUsage(struct card *card, u32 *milliwatts) { CHECK(card); *milliwatts = 450440; return 0; }
int nvmlDeviceGetEnforcedPowerLimit(struct card *card, u32 *milliwatts) { CHECK(card); *milliwatts = 700000; return 0; }
int nvmlDeviceGetClockInfo(struct card *card, u32 kind, u32 *clock) { CHECK(card); *clock = kind == 1 ? 1980 : 2619; return 0; }
int nvmlDeviceGetFanSpeed(struct card *card, u32 *percent) { CHECK(card); *percent = 30; return value("fans", 0) ? 0 : 3; }
int nvmlDeviceGetTotalEccErrors(struct card *card, u32 kind, u32 counter, u64 *errors) {
  CHECK(card);
  *errors = kind == 1 && counter == 0 ? (u64)value("ecc", 0) : 77;
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(struct card *card, u64 *mask) { CHECK(card); *mask = (u64)value("throttle", 4); return 0; }
int nvmlDeviceGetMigMode(struct card *card, u32 *now, u32 *pending) { CHECK(card); *now = *pending = (u32)value("mig", 0); return 0; }
int nvmlDeviceGetMaxMigDeviceCount(struct card *card, u32 *count) { CHECK(card); *count = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(struct card *card, u32 at, struct card **handle) {
  CHECK(card);
  if (at > 1) return 6;
  instances[at].index = card->index; instances[at].instance = at + 1;
  *handle = &instances[at];
  return 0;
}
struct process { u32 pid; u64 memory; u32 gpu_instance, compute_instance; };
int nvmlDeviceGetComputeRunningProcesses_v3(struct card *card, u32 *count, struct process *processes) {
  CHECK(card);
  long pid = value("pid", 0);
  if (!pid) { *count = 0; return 0; }
  if (*count < 1) { *count = 1; return 7; }
  *count = 1;
  processes[0].pid = (u32)pid;
  processes[0].memory = value("mig", 0) ? ~0ULL : 4838129664ULL;
  return 0;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(struct card *card, u32 *count, struct process *processes) {
  (void)processes; CHECK(card); *count = 0; return 0;
}
int nvmlSystemGetProcessName(u32 pid, char *text, u32 size) { snprintf(text, size, "/usr/bin/of-%u", pid); return 0; }
int nvmlEventSetCreate(void **set) { *set = &reported; return 0; }
int nvmlDeviceRegisterEvents(struct card *card, u64 kinds, void *set) { (void)set; CHECK(card); return kinds == 8 && value("events", 1) ? 0 : 3; }
struct event { struct card *card; u64 kind, data; u32 gpu_instance, compute_instance; };
int nvmlEventSetWait_v2(void *set, struct event *event, u32 milliseconds) {
  (void)set; (void)milliseconds;
  long xid = value("xid", 0);
  if (!xid || reported == (int)xid) return 10;
  reported = (int)xid;
  event->card = &cards[0]; event->kind = 8; event->data = (u64)xid;
  return 0;
}
