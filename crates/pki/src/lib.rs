//! What a certificate may say: CA, EST messages, CRL; bytes in, bytes out.
