// OpenSSL's objects in owning pointers, and its error queue as text. Only rooms that speak with
// OpenSSL themselves include this.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace pylon::tls {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

inline void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }

using SslPtr = std::unique_ptr<SSL, Freeing<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freeing<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freeing<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, Freeing<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freeing<X509_free>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), Freeing<free_chain>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freeing<X509_STORE_free>>;

// Reads from the text, which must outlive it.
inline BioPtr bio_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What the thread's error queue says last, in OpenSSL's words; empties the queue.
std::string take_error();

// SSL_get_error looks at the thread's queue: nothing of other work may stand in it.
inline void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace pylon::tls
