// The statements of the tables, prepared once. Internal to Tables.
#pragma once

#include "store/embedded/tables.h"

namespace pylon::store::embedded {

struct Tables::Statements {
  explicit Statements(Database& db)
      : get(db, "SELECT key, value, create_revision, mod_revision FROM entry WHERE key = ?1"),
        list(db,
             "SELECT key, value, create_revision, mod_revision FROM entry "
             "WHERE key >= ?1 AND key < ?2 AND (?3 = '' OR instr(value, ?3) > 0)"),
        list_after(db,
                   "SELECT key, value, create_revision, mod_revision FROM entry "
                   "WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?3"),
        load(db, "SELECT key, value, create_revision, mod_revision FROM entry ORDER BY id"),
        keys(db, "SELECT key FROM entry WHERE key >= ?1 AND key < ?2 ORDER BY key"),
        written_after(db,
                      "SELECT 1 FROM entry WHERE key >= ?1 AND key < ?2 AND "
                      "mod_revision > ?3 LIMIT 1"),
        written_lately(db,
                       "SELECT 1 FROM version AS v INDEXED BY version_by_revision WHERE v.revision "
                       "> ?3 AND v.key >= ?1 AND "
                       "v.key < ?2 AND EXISTS (SELECT 1 FROM entry AS e WHERE e.key = v.key AND "
                       "e.mod_revision > ?3) LIMIT 1"),
        due(db, "SELECT key FROM entry WHERE expires_us <= ?1 ORDER BY expires_us, id"),
        keep_previous(db,
                      "INSERT OR IGNORE INTO version (revision, key, value, create_revision) "
                      "SELECT mod_revision, key, value, create_revision FROM entry WHERE key = ?1"),
        create(db,
               "INSERT INTO entry (key, value, create_revision, mod_revision, expires_us) "
               "VALUES (?1, ?2, ?3, ?3, ?4)"),
        update(db,
               "UPDATE entry SET value = ?2, mod_revision = ?3, expires_us = ?4 WHERE key = ?1"),
        erase(db, "DELETE FROM entry WHERE key = ?1"),
        add_version(db,
                    "INSERT INTO version (revision, key, value, create_revision) "
                    "VALUES (?1, ?2, ?3, ?4)"),
        add_revision(db, "INSERT INTO revision VALUES (?1, ?2, ?3, ?4, ?5)"),
        set_state(db, "UPDATE state SET value = ?2 WHERE name = ?1"),
        get_state(db, "SELECT value FROM state WHERE name = ?1"),
        changes(db,
                "SELECT revision, key, value, create_revision FROM version WHERE revision > ?1 "
                "ORDER BY revision, id"),
        changed_keys(db, "SELECT key FROM version WHERE revision = ?1"),
        forget_before(db, "DELETE FROM version WHERE key = ?1 AND revision < ?2"),
        forget_settled(db,
                       "DELETE FROM version WHERE key = ?1 AND revision = ?2 AND (value IS NULL "
                       "OR EXISTS (SELECT 1 FROM entry WHERE key = ?1 AND mod_revision = ?2))"),
        forget_revision(db, "DELETE FROM revision WHERE revision = ?1"),
        count_revisions(
            db,
            "SELECT count(*) FROM revision AS r WHERE EXISTS (SELECT 1 FROM version AS "
            "v WHERE v.revision = r.revision AND v.key >= ?1 AND v.key < ?2 AND v.key <> ?3)"),
        revisions(db,
                  "SELECT revision, time_us, author, source, comment FROM revision AS r WHERE "
                  "EXISTS (SELECT 1 FROM version AS v WHERE v.revision = r.revision AND v.key >= "
                  "?1 AND v.key < ?2 AND v.key <> ?3) "
                  "ORDER BY revision DESC LIMIT ?4 OFFSET ?5"),
        revision_changes(db,
                         "SELECT key, value, create_revision FROM version WHERE revision = ?1 AND "
                         "key >= ?2 AND key < ?3 AND key <> ?4 ORDER BY id"),
        keys_between(db,
                     "SELECT DISTINCT key FROM version WHERE revision > ?1 AND revision <= ?2 AND "
                     "key >= ?3 AND key < ?4 AND key <> ?5 ORDER BY key"),
        value_at(db,
                 "SELECT value FROM version WHERE key = ?1 AND revision <= ?2 "
                 "ORDER BY revision DESC LIMIT 1") {}

  Statement get, list, list_after, load, keys, written_after, written_lately, due;
  Statement keep_previous, create, update, erase, add_version, add_revision;
  Statement set_state, get_state;
  Statement changes, changed_keys, forget_before, forget_settled, forget_revision;
  Statement count_revisions, revisions, revision_changes, keys_between, value_at;
};

}  // namespace pylon::store::embedded
