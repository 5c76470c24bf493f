// Gap 1: job objects forget their limits and refuse the newer information classes.
#pragma once
void fill_job_object_gap(void);
