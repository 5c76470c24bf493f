// A library's gaps are filled once, when a program loads it.
#pragma once
void fill_gaps(void);  // each library's own
