// Gaps 3 and 7: who a process is: its command line, its session, its user.
#pragma once
void fill_process_identity_gap(void);
