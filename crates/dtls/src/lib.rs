//! Sans-IO DTLS 1.2 and 1.3 endpoints
