// Gap 6: the first instance of a named pipe.
#pragma once
void fill_named_pipe_gap(void);
