// Where named kernel objects of services are listed.
#pragma once
void fill_session_name_gap(void);
