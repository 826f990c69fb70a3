/* Stands in for nvidia-smi: the questions that installers ask, with its texts and exit codes.
 * Source: domain.md stage 2 (outcomes) and appendix H (shapes). */
#define _DEFAULT_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory_info;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { char legacy[16]; unsigned domain, bus, slot, id, subsystem; char name[32]; } pci_info;
typedef struct { char name[64], uuid[64], driver[32]; unsigned index; int code; memory_info memory; utilization use; pci_info pci; } card;

static void *library;

static int call0(const char *name) { int (*f)(void) = dlsym(library, name); return f(); }

static int fail(int code, const char *text) { puts(text); return code; }

static int read_card(unsigned index, card *out) {
  void *handle;
  int (*get)(unsigned, void **) = dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
  int (*name)(void *, char *, unsigned) = dlsym(library, "nvmlDeviceGetName");
  int (*uuid)(void *, char *, unsigned) = dlsym(library, "nvmlDeviceGetUUID");
  int (*driver)(char *, unsigned) = dlsym(library, "nvmlSystemGetDriverVersion");
  int (*memory)(void *, memory_info *) = dlsym(library, "nvmlDeviceGetMemoryInfo");
  int (*use)(void *, utilization *) = dlsym(library, "nvmlDeviceGetUtilizationRates");
  int (*pci)(void *, pci_info *) = dlsym(library, "nvmlDeviceGetPciInfo_v3");
  memset(out, 0, sizeof *out);
  out->index = index;
  if ((out->code = get(index, &handle)) == 2) return out->code;
  name(handle, out->name, sizeof out->name);
  uuid(handle, out->uuid, sizeof out->uuid);
  driver(out->driver, sizeof out->driver);
  memory(handle, &out->memory);
  use(handle, &out->use);
  pci(handle, &out->pci);
  return out->code;
}

static void say_lost(const card *c) {
  printf("Unable to determine the device handle for GPU%u: %s: GPU is lost.  Reboot the system to recover this GPU\n", c->index, c->pci.name);
}

static int value_of(const char *field, const card *c, char *out, size_t size) {
  char stamp[64];
  time_t now = time(NULL);
  strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S.000", localtime(&now));
  struct { const char *name, *unit, *text; double number; int digits; } rows[] = {
    {"timestamp", "", stamp, 0, 0}, {"name", "", c->name, 0, 0}, {"gpu_name", "", c->name, 0, 0}, {"uuid", "", c->uuid, 0, 0},
    {"gpu_uuid", "", c->uuid, 0, 0}, {"driver_version", "", c->driver, 0, 0}, {"pci.bus_id", "", c->pci.name, 0, 0},
    {"gpu_bus_id", "", c->pci.name, 0, 0}, {"persistence_mode", "", "Enabled", 0, 0}, {"pstate", "", "P8", 0, 0},
    {"mig.mode.current", "", "[N/A]", 0, 0}, {"mig.mode.pending", "", "[N/A]", 0, 0}, {"compute_cap", "", "8.6", 0, 0},
    {"compute_mode", "", "Default", 0, 0}, {"ecc.mode.current", "", "Disabled", 0, 0}, {"vbios_version", "", "94.02.5C.00.02", 0, 0},
    {"index", "", NULL, c->index, 0}, {"count", "", NULL, 1, 0}, {"memory.total", " MiB", NULL, (double)(c->memory.total >> 20), 0},
    {"memory.used", " MiB", NULL, (double)(c->memory.used >> 20), 0}, {"memory.free", " MiB", NULL, (double)(c->memory.free >> 20), 0},
    {"utilization.gpu", " %", NULL, c->use.gpu, 0}, {"utilization.memory", " %", NULL, c->use.memory, 0},
    {"temperature.gpu", "", NULL, 36, 0}, {"power.draw", " W", NULL, 22.5, 2}, {"power.limit", " W", NULL, 300, 2},
    {"clocks.sm", " MHz", NULL, 210, 0}, {"clocks.mem", " MHz", NULL, 405, 0}, {"fan.speed", " %", NULL, 30, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(rows[i].name, field)) continue;
    if (rows[i].text) snprintf(out, size, "%s", rows[i].text);
    else snprintf(out, size, "%.*f\n%s", rows[i].digits, rows[i].number, rows[i].unit);
    return 1;
  }
  /* Known to nvidia-smi, without a value on this card. */
  if (!strncmp(field, "clocks", 6) || !strncmp(field, "ecc.", 4) || !strncmp(field, "pcie.", 5) || !strncmp(field, "power.", 6) ||
      !strncmp(field, "temperature.", 12) || !strncmp(field, "utilization.", 12) || !strncmp(field, "fabric.", 7)) {
    snprintf(out, size, "[N/A]");
    return 1;
  }
  return 0;
}

static int query(const char *fields, const char *format, unsigned count) {
  int units = !strstr(format, "nounits"), header = !strstr(format, "noheader"), status = 0;
  char copy[2048], out[256];
  card blank = {0};
  snprintf(copy, sizeof copy, "%s", fields);
  for (char *field = strtok(copy, ", "); field; field = strtok(NULL, ", ")) {
    if (!value_of(field, &blank, out, sizeof out)) {
      printf("Field \"%s\" is not a valid field to query.\n\n", field);
      return 2;
    }
  }
  if (header) puts(fields);
  for (unsigned i = 0; i < count; i++) {
    card c;
    const char *between = "";
    if (read_card(i, &c)) { say_lost(&c); status = 15; continue; }
    snprintf(copy, sizeof copy, "%s", fields);
    for (char *field = strtok(copy, ", "); field; field = strtok(NULL, ", ")) {
      value_of(field, &c, out, sizeof out);
      char *unit = strchr(out, '\n');
      if (unit) *unit++ = 0;
      printf("%s%s%s", between, out, unit && units ? unit : "");
      between = ", ";
    }
    puts("");
  }
  fflush(stdout);
  return status;
}

static int list(unsigned count) {
  int status = 0;
  for (unsigned i = 0; i < count; i++) {
    card c;
    if (read_card(i, &c)) { say_lost(&c); status = 15; continue; }
    printf("GPU %u: %s (UUID: %s)\n", i, c.name, c.uuid);
  }
  if (!count) puts("No devices found.");
  return status;
}

static int banner(unsigned count) {
  card c;
  char line[160];
  if (!count) return fail(6, "No devices were found");
  read_card(0, &c);
  puts("+-----------------------------------------------------------------------------------------+");
  snprintf(line, sizeof line, "| NVIDIA-SMI %-22s Driver Version: %-14s CUDA Version: 13.0     |", c.driver, c.driver);
  puts(line);
  puts("|-----------------------------------------+------------------------+----------------------+");
  for (unsigned i = 0; i < count; i++) {
    if (read_card(i, &c)) { say_lost(&c); return 15; }
    printf("| %3u  %-34s |   %s |                  Off |\n", i, c.name, c.pci.name);
  }
  puts("+-----------------------------------------------------------------------------------------+");
  return 0;
}

static int xml(unsigned count) {
  card c;
  read_card(0, &c);
  printf("<?xml version=\"1.0\" ?>\n<nvidia_smi_log>\n\t<driver_version>%s</driver_version>\n\t<cuda_version>13.0</cuda_version>\n\t<attached_gpus>%u</attached_gpus>\n", c.driver, count);
  for (unsigned i = 0; i < count; i++) {
    if (read_card(i, &c)) continue;
    printf("\t<gpu id=\"%s\">\n\t\t<product_name>%s</product_name>\n\t\t<uuid>%s</uuid>\n\t\t<minor_number>%u</minor_number>\n\t</gpu>\n", c.pci.name, c.name, c.uuid, c.index);
  }
  puts("</nvidia_smi_log>");
  return 0;
}

int main(int argc, char **argv) {
  const char *fields = NULL, *format = "csv";
  int list_wanted = 0, xml_wanted = 0, version_wanted = 0, status;
  long every_ms = 0;
  unsigned count = 0;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "-L") || !strcmp(argv[i], "--list-gpus")) list_wanted = 1;
    else if (!strcmp(argv[i], "--version")) version_wanted = 1;
    else if (!strncmp(argv[i], "--query-gpu=", 12)) fields = argv[i] + 12;
    else if (!strncmp(argv[i], "--format=", 9)) format = argv[i] + 9;
    else if (!strncmp(argv[i], "-lms=", 5)) every_ms = atol(argv[i] + 5);
    else if (!strncmp(argv[i], "--loop-ms=", 10)) every_ms = atol(argv[i] + 10);
    else if (!strncmp(argv[i], "--loop=", 7)) every_ms = 1000 * atol(argv[i] + 7);
    else if (!strcmp(argv[i], "-x")) xml_wanted = 1;
    else if (!strncmp(argv[i], "--query-compute-apps=", 21)) return 0;
    else if (strcmp(argv[i], "-q")) { printf("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n\n"); return 255; }
  }
  if (!(library = dlopen("libnvidia-ml.so.1", RTLD_NOW)))
    return fail(12, "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the NVIDIA Display Driver is properly installed and present in your system.\nPlease also try adding directory that contains libnvidia-ml.so to your system PATH.");
  switch (call0("nvmlInit_v2")) {
    case 9: return fail(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n");
    case 18: return fail(18, "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95");
  }
  int (*count_of)(unsigned *) = dlsym(library, "nvmlDeviceGetCount_v2");
  count_of(&count);
  if (version_wanted) {
    card c;
    int (*driver)(char *, unsigned) = dlsym(library, "nvmlSystemGetDriverVersion");
    driver(c.driver, sizeof c.driver);
    printf("NVIDIA-SMI version  : %s\nNVML version        : 580.95\nDRIVER version      : %s\nCUDA Version        : 13.0\n", c.driver, c.driver);
    return 0;
  }
  if (list_wanted) return list(count);
  if (xml_wanted) return xml(count);
  if (!fields) return banner(count);
  if (!count) return fail(6, "No devices were found");
  do {
    status = query(fields, format, count);
    if (every_ms) usleep((useconds_t)every_ms * 1000);
  } while (every_ms && !status);
  return status;
}
