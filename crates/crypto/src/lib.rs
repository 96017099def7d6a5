//! The cryptographic primitives that WebRTC protocols need, behind one provider trait
