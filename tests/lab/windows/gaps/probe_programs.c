// probegaps.dll: what the C# probes, which are not Go programs, find on Windows and not in Wine. Their harness loads it.
// A probe that runs without it sees Wine as it is, and must report every refused class as refused.
#include "replacements.h"  // first: winsock2.h before windows.h
#include "attach.h"
#include "job_objects.h"
#include "procedure_lookup.h"
#include "process_identity.h"
#include "session_names.h"

static const Replacement probe_replacements[] = {
    {"QueryServiceConfigW", query_service_configuration},
    {"QueryServiceConfig2W", query_service_configuration2},
    {"QueryServiceStatus", query_service_status},
    {"QueryServiceStatusEx", query_service_status_ex},
    {NULL, NULL},
};

void fill_gaps(void) {
  fill_job_object_gap();
  fill_session_name_gap();
  fill_process_identity_gap();
  answer_procedure_lookups(probe_replacements);
}
