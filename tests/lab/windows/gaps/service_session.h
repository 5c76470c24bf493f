// Gap 7: how a program finds out that it runs as a service.
#pragma once
void fill_service_session_gap(void);
