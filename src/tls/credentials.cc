#include "tls/credentials.h"

#include <utility>

#include "observe/log.h"

namespace pylon::tls {
namespace {

// A key that is locked is refused; without this OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

// All certificates of the text; an error only when there is none at all.
Result<std::vector<CertificatePtr>> read_all(std::string_view pem) {
  std::vector<CertificatePtr> all;
  BioPtr bio = bio_of(pem);
  while (X509* each = PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr)) {
    all.emplace_back(each);
  }
  if (all.empty()) return fail("the certificate cannot be read: " + take_error());
  ERR_clear_error();  // "no start line" at the end
  return all;
}

Credentials broken(const Error& error) {
  Credentials credentials;
  credentials.problem = error.message;
  return credentials;
}

Credentials load(const ServerIdentity& identity) {
  Credentials credentials;
  for (const PemPair& each : identity.pairs) {
    Result<KeyPair> pair = KeyPair::parse(each.certificate, each.key.expose());
    if (!pair) return broken(pair.error());
    credentials.pairs.push_back(std::move(*pair));
  }
  if (identity.client == nullptr) return credentials;
  Result<StorePtr> store = parse_authorities(identity.client->authority);
  if (!store) return broken(store.error());
  credentials.authority = std::move(*store);
  if (auto all = read_all(identity.client->authority)) credentials.announced = std::move(*all);
  return credentials;
}

}  // namespace

Result<KeyPair> KeyPair::parse(std::string_view certificate_pem, std::string_view key_pem) {
  auto all = read_all(certificate_pem);
  if (!all) return tl::unexpected(all.error());
  KeyPair pair;
  pair.certificate = std::move(all->front());
  if (all->size() > 1) {
    pair.chain.reset(sk_X509_new_null());
    for (size_t i = 1; i < all->size(); i++) sk_X509_push(pair.chain.get(), (*all)[i].release());
  }
  BioPtr bio = bio_of(key_pem);
  pair.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!pair.key) return fail("the key cannot be read: " + take_error());
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    return fail("the key does not belong to the certificate: " + take_error());
  }
  return pair;
}

bool KeyPair::show(SSL* ssl) const {
  return SSL_use_cert_and_key(ssl, certificate.get(), key.get(), chain.get(), 1) == 1;
}

KeyPtr parse_rsa_key(std::string_view pem) {
  BioPtr bio = bio_of(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  forget_errors();
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
  return key;
}

Result<StorePtr> parse_authorities(std::string_view pem) {
  auto all = read_all(pem);
  if (!all) return tl::unexpected(all.error());
  StorePtr store(X509_STORE_new());
  for (const CertificatePtr& each : *all) X509_STORE_add_cert(store.get(), each.get());
  ERR_clear_error();
  return store;
}

const Credentials& CredentialCache::of(const ServerIdentity& identity) {
  if (const Credentials* known = find(identity.serial)) return *known;
  Credentials loaded = load(identity);
  if (!loaded.problem.empty()) {
    observe::log(observe::Level::error, "ssl {} cannot be used: {}", identity.id, loaded.problem);
  }
  return keep(identity.serial, std::move(loaded));
}

const Credentials& CredentialCache::of(const ClientIdentity& identity) {
  if (const Credentials* known = find(identity.serial)) return *known;
  Credentials loaded;
  Result<KeyPair> pair = KeyPair::parse(identity.pair.certificate, identity.pair.key.expose());
  if (pair) {
    loaded.pairs.push_back(std::move(*pair));
  } else {
    loaded = broken(pair.error());
    observe::log(observe::Level::error, "a client certificate for upstreams cannot be used: {}",
                 loaded.problem);
  }
  return keep(identity.serial, std::move(loaded));
}

const Credentials* CredentialCache::find(uint64_t serial) {
  auto known = index_.find(serial);
  if (known == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, known->second);
  return &known->second->credentials;
}

const Credentials& CredentialCache::keep(uint64_t serial, Credentials credentials) {
  if (entries_.size() == kMost) {
    index_.erase(entries_.back().serial);
    entries_.pop_back();
    evicted_++;
  }
  entries_.push_front({serial, std::move(credentials)});
  index_[serial] = entries_.begin();
  return entries_.front().credentials;
}

}  // namespace pylon::tls
