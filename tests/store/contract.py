"""What every store promises. A store's test class inherits it and says how one is made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from store.content import contents, image, index, manifest, push, read, upload

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import BytesBlob, DigestMismatch, Manifest, Store

A, B = "acme/app", "acme/app/deep"


class StoreContract:
    @pytest.fixture
    def store(self):
        """A store that is empty, or holds nothing under the names that the tests use."""
        raise NotImplementedError

    def reopened(self, store: Store) -> Store:
        """The store as the next process would find it; itself where it dies with the process."""
        return store

    # -- blobs

    def test_nothing_is_there_at_first(self, store):
        """Whoever asks for what was never stored gets None, an empty list or False, and no repository."""
        digest = digest_of(b"")
        assert store.repository(A) is None
        assert store.blob(A, digest) is None
        assert store.find_blob(digest) is None
        assert store.manifest(A, "v1") is None
        assert store.manifest(A, digest) is None
        assert store.referrers(A, digest) == []
        assert not store.delete_blob(A, digest)
        assert not store.delete_manifest(A, digest)
        assert not store.delete_tag(A, "v1")
        assert A not in store.names()

    def test_a_blob_is_served_as_it_came(self, store):
        """Any range of a blob can be read any number of times."""
        data = bytes(range(256)) * 5000
        digest = push(store, A, data)
        store = self.reopened(store)
        for _ in range(2):
            blob = store.blob(A, digest)
            assert (blob.digest, blob.size) == (digest, len(data))
            assert read(blob) == data
            assert b"".join(blob.pieces(1000, 70_000)) == data[1000:70_000]
            assert b"".join(blob.pieces(5, 5)) == b""
        if blob.path is not None:
            assert Path(blob.path).read_bytes() == data

    def test_an_empty_blob_is_a_blob(self, store):
        """A blob of no bytes is stored and served like any other."""
        digest = push(store, A, b"")
        assert read(self.reopened(store).blob(A, digest)) == b""

    def test_blobs_are_scoped_to_their_repository(self, store):
        """A blob of one repository is unknown in another, also in one whose name continues the first's."""
        digest = push(store, A, b"one")
        push(store, B, b"two")
        store = self.reopened(store)
        assert store.blob(B, digest) is None
        assert read(store.blob(A, digest)) == b"one"
        assert {A, B} <= set(store.names())
        assert store.names() == sorted(store.names())

    def test_a_blob_is_found_wherever_it_is(self, store):
        """`find_blob` needs no repository."""
        push(store, A, b"one")
        digest = push(store, B, b"two")
        store = self.reopened(store)
        assert read(store.find_blob(digest)) == b"two"
        assert store.find_blob(digest_of(b"three")) is None

    def test_a_mounted_blob_belongs_to_both(self, store):
        """A mount makes the blob the other repository's own: deleting either leaves the other."""
        digest = push(store, A, b"one")
        store.put_blob(B, store.blob(A, digest))
        assert read(store.blob(B, digest)) == b"one"
        assert store.delete_blob(A, digest)
        store = self.reopened(store)
        assert store.blob(A, digest) is None
        assert read(store.blob(B, digest)) == b"one"

    def test_a_mount_onto_itself_changes_nothing(self, store):
        """A blob that is given to the repository that has it already stays."""
        digest = push(store, A, b"one")
        store.put_blob(A, store.blob(A, digest))
        assert read(self.reopened(store).blob(A, digest)) == b"one"

    def test_a_finished_upload_can_be_put_twice(self, store):
        """The handle that a writer gave stays good after it was put."""
        blob = upload(store, b"one")
        store.put_blob(A, blob)
        store.put_blob(B, blob)
        assert read(blob) == b"one"
        assert read(store.blob(A, blob.digest)) == read(store.blob(B, blob.digest)) == b"one"

    def test_any_blob_can_be_put(self, store):
        """A blob that was made elsewhere is taken as it is."""
        data = b"x" * 3_000_000
        store.put_blob(A, BytesBlob(digest_of(data), [data[:17], data[17:]]))
        assert read(self.reopened(store).blob(A, digest_of(data))) == data

    def test_the_same_bytes_twice_are_one_blob(self, store):
        """Pushing again what is there changes nothing, and one delete removes it."""
        digest = push(store, A, b"one")
        assert push(store, A, b"one") == digest
        assert store.delete_blob(A, digest)
        assert not store.delete_blob(A, digest)
        assert store.blob(A, digest) is None
        push(store, A, b"one")
        assert read(self.reopened(store).blob(A, digest)) == b"one"

    def test_sha512_is_a_digest_too(self, store):
        """Blobs and manifests may be stored under sha512."""
        digest = push(store, A, b"one", "sha512")
        content = b'{"schemaVersion": 2}'
        made = Manifest.read(digest_of(content, "sha512"), "application/json", content)
        store.put_manifest(A, made, ["v1"])
        store = self.reopened(store)
        assert digest.startswith("sha512:")
        assert read(store.blob(A, digest)) == b"one"
        assert store.blob(A, digest_of(b"one")) is None
        assert store.manifest(A, "v1") == made
        assert store.delete_blob(A, digest)

    # -- writers

    def test_a_wrong_digest_leaves_nothing(self, store):
        """Bytes with another digest are refused, and neither digest is known afterwards."""
        with pytest.raises(DigestMismatch):
            upload(store, b"one", digest_of(b"two"))
        for data in (b"one", b"two"):
            assert store.blob(A, digest_of(data)) is None
            assert store.find_blob(digest_of(data)) is None

    def test_a_refused_finish_can_be_repeated(self, store):
        """After a wrong digest the writer stands as it was: more bytes or the right digest mend it."""
        writer = store.writer()
        writer.write([b"on"])
        with pytest.raises(DigestMismatch) as caught:
            writer.finish(digest_of(b"one"))
        assert caught.value.got == digest_of(b"on")
        writer.write([b"e"])
        store.put_blob(A, writer.finish(digest_of(b"one")))
        assert read(store.blob(A, digest_of(b"one"))) == b"one"

    def test_a_writer_goes_back_to_its_mark(self, store):
        """What was written since a mark is forgotten, small or large, and writing goes on from there."""
        writer = store.writer()
        start = writer.mark()
        writer.write([b"dropped"])
        writer.rollback(start)
        assert writer.size == 0
        writer.write([b"ab", b"c" * 50_000])
        mark = writer.mark()
        writer.write([b"x", b"y" * 2_000_000, b"z"])
        assert writer.size == 2_050_004
        writer.rollback(mark)
        assert writer.size == 50_002
        writer.write([b"d"])
        data = b"ab" + b"c" * 50_000 + b"d"
        store.put_blob(A, writer.finish(digest_of(data)))
        assert read(store.blob(A, digest_of(data))) == data

    def test_a_writer_finishes_under_another_algorithm(self, store):
        """The digest may be asked of another algorithm than the bytes were hashed by."""
        writer = store.writer()
        writer.write([b"one"], "sha256")
        blob = writer.finish(digest_of(b"one", "sha512"))
        store.put_blob(A, blob)
        assert read(store.blob(A, blob.digest)) == b"one"

    def test_a_discarded_writer_leaves_nothing(self, store):
        """An upload that is given up may be given up twice, and has stored nothing."""
        writer = store.writer()
        writer.write([b"one"])
        writer.discard()
        writer.discard()
        assert store.find_blob(digest_of(b"one")) is None

    def test_writers_do_not_meet(self, store):
        """Uploads that run at the same time keep their bytes apart."""
        writers = [store.writer() for _ in range(5)]
        for turn in range(3):
            for number, writer in enumerate(writers):
                writer.write([b"%d%d" % (number, turn)])
        for number, writer in enumerate(writers):
            data = b"%d0%d1%d2" % (number, number, number)
            store.put_blob(A, writer.finish(digest_of(data)))
            assert read(store.blob(A, digest_of(data))) == data

    # -- manifests and tags

    def test_a_manifest_is_served_as_it_came(self, store):
        """Tag and digest lead to the same bytes and media type."""
        made = image(store, A, "one", ["v1", "latest"])
        store = self.reopened(store)
        for reference in ("v1", "latest", made.digest):
            assert store.manifest(A, reference) == made
        assert store.manifest(B, "v1") is None

    def test_a_manifest_is_no_blob(self, store):
        """The digest of a manifest is unknown among blobs, and the other way round."""
        made = image(store, A, "one", ["v1"])
        blob = push(store, A, b"data")
        store = self.reopened(store)
        assert store.blob(A, made.digest) is None
        assert store.find_blob(made.digest) is None
        assert store.manifest(A, blob) is None
        assert not store.delete_blob(A, made.digest)
        assert store.manifest(A, "v1") == made

    def test_tags_keep_the_order_of_their_creation(self, store):
        """A tag that is moved keeps its place; one that is deleted and made again is the last."""
        one, two = image(store, A, "one"), image(store, A, "two")
        for tag in ("b", "a", "c"):
            store.put_manifest(A, one, [tag])
        store.put_manifest(A, two, ["a"])
        store = self.reopened(store)
        assert list(store.repository(A).tags.items()) == [
            ("b", one.digest),
            ("a", two.digest),
            ("c", one.digest),
        ]
        assert store.delete_tag(A, "b")
        store.put_manifest(A, two, ["b"])
        assert list(self.reopened(store).repository(A).tags) == ["a", "c", "b"]

    def test_manifests_keep_the_order_of_their_pushing(self, store):
        """Tagged or not, manifests stand in the order in which they came."""
        made = [image(store, A, str(n), [f"v{n}"] if n % 2 else ()).digest for n in range(6)]
        assert list(self.reopened(store).repository(A).manifests) == made

    def test_a_tag_goes_and_its_manifest_stays(self, store):
        """Without its tag, a manifest is there under its digest."""
        made = image(store, A, "one", ["v1"])
        assert store.delete_tag(A, "v1")
        store = self.reopened(store)
        assert store.manifest(A, "v1") is None
        assert store.manifest(A, made.digest) == made
        assert not store.delete_tag(A, "v1")

    def test_a_manifest_takes_its_tags_along(self, store):
        """After a delete neither digest nor tags are known; other manifests and the blobs stay."""
        one, two = image(store, A, "one", ["v1", "latest"]), image(store, A, "two", ["v2"])
        blobs = set(store.repository(A).blobs)
        assert store.delete_manifest(A, one.digest)
        assert not store.delete_manifest(A, one.digest)
        store = self.reopened(store)
        assert list(store.repository(A).tags) == ["v2"]
        assert store.manifest(A, one.digest) is None
        assert store.manifest(A, two.digest) == two
        assert store.blob(A, one.digest) is None
        assert set(store.repository(A).blobs) == blobs

    def test_a_manifest_may_be_pushed_again(self, store):
        """The same bytes under another media type are the same manifest, served as the newer type."""
        one = image(store, A, "one", ["v1"])
        other = Manifest.read(one.digest, "application/vnd.example+json", one.content)
        store.put_manifest(A, other, ["v2"])
        store = self.reopened(store)
        assert store.manifest(A, "v1") == store.manifest(A, "v2") == other
        assert len(store.repository(A).manifests) == 1

    def test_the_children_of_an_index_are_manifests(self, store):
        """They are found by digest, before and after the index that lists them is gone."""
        made = [image(store, A, word) for word in ("one", "two")]
        both = index(store, A, made, ["v1"])
        store = self.reopened(store)
        assert [store.manifest(A, m.digest) for m in made] == made
        assert store.manifest(A, "v1") == both
        assert store.delete_manifest(A, both.digest)
        store = self.reopened(store)
        assert [store.manifest(A, m.digest) for m in made] == made
        assert store.delete_manifest(A, made[0].digest)
        assert self.reopened(store).manifest(A, made[0].digest) is None

    def test_referrers_are_listed_oldest_first(self, store):
        """A manifest with a subject is listed there, with or without the subject, until it is deleted."""
        subject = manifest({"layers": []})
        about = {"subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size}}
        made = [image(store, A, f"about {n}", artifactType=f"example/{n}", **about) for n in (3, 1, 2)]
        store.put_manifest(A, subject, ["v1"])
        store = self.reopened(store)
        assert store.referrers(A, subject.digest) == made
        assert [m.artifact_type for m in store.referrers(A, subject.digest)] == [
            "example/3",
            "example/1",
            "example/2",
        ]
        assert store.referrers(B, subject.digest) == []
        store.delete_manifest(A, made[1].digest)
        assert self.reopened(store).referrers(A, subject.digest) == [made[0], made[2]]

    def test_a_referrer_describes_itself(self, store):
        """Its descriptor has the type of the artifact, or else of the config, and the annotations."""
        about = {"subject": {"digest": digest_of(b"")}}
        image(store, A, "typed", artifactType="example/type", annotations={"who": "me"}, **about)
        image(store, A, "plain", **about)
        typed, plain = (m.descriptor() for m in self.reopened(store).referrers(A, digest_of(b"")))
        assert (typed["artifactType"], typed["annotations"]) == ("example/type", {"who": "me"})
        assert plain["artifactType"] == "application/vnd.oci.image.config.v1+json"
        assert "annotations" not in plain
        assert {"mediaType", "digest", "size"} <= plain.keys()

    # -- packages

    def test_visibility_and_roles_are_kept(self, store):
        """Who may read a package, and who has which role, is remembered."""
        image(store, A, "one", ["v1"])
        store.set_visibility(A, "public")
        store.set_role(A, "mona", "write")
        store.set_role(A, "repo:acme/app", "admin")
        store.set_role(A, "mona", "read")
        image(store, B, "two", ["v1"])
        store.set_visibility(B, "internal")
        store = self.reopened(store)
        assert store.repository(A).visibility == "public"
        assert store.repository(A).roles == {"mona": "read", "repo:acme/app": "admin"}
        assert store.repository(B).visibility == "internal"

    def test_without_a_manifest_there_is_no_package(self, store):
        """A repository that only holds blobs has no visibility."""
        push(store, A, b"one")
        assert self.reopened(store).repository(A).visibility is None

    # -- whole states

    def filled(self, store: Store) -> Manifest:
        """Something of everything."""
        one = image(store, A, "one", ["v1"])
        index(store, A, [one], ["all"])
        image(store, A, "about", subject={"digest": one.digest})
        push(store, A, b"loose")
        image(store, B, "two", ["v1"])
        store.set_visibility(A, "public")
        store.set_visibility(B, "private")
        store.set_role(A, "mona", "write")
        return one

    def ravaged(self, store: Store, one: Manifest) -> None:
        """Every kind of change to what `filled` made."""
        store.delete_tag(A, "all")
        store.delete_manifest(A, one.digest)
        for digest in list(store.repository(A).blobs):
            store.delete_blob(A, digest)
        store.set_visibility(A, "private")
        store.set_role(A, "hubot", "admin")
        image(store, B, "three", ["v1", "v2"])
        image(store, "acme/new", "four", ["v1"])
        push(store, A, b"late")

    def test_a_fork_goes_its_own_way(self, store):
        """What happens to a store is not seen in its fork, nor the other way round."""
        one = self.filled(store)
        fork = store.fork()
        before = contents(store)
        assert contents(fork) == before
        self.ravaged(store, one)
        ravaged = contents(store)
        assert contents(fork) == before
        second = fork.fork()
        self.ravaged(fork, one)
        assert {name: shown for name, shown in contents(fork).items() if name in ravaged} == ravaged
        image(fork, A, "five", ["v5"])
        assert contents(store) == ravaged
        assert contents(second) == before

    def test_a_snapshot_brings_everything_back(self, store):
        """`restore` undoes every kind of change, as often as it is asked to."""
        one = self.filled(store)
        before = contents(store)
        snapshot = store.snapshot()
        for _ in range(2):
            self.ravaged(store, one)
            assert contents(store) != before
            store.restore(snapshot)
            assert contents(store) == before
        store = self.reopened(store)
        assert contents(store) == before

    def test_snapshots_may_be_taken_in_turns(self, store):
        """An older and a newer snapshot can be restored in any order."""
        one = self.filled(store)
        states, snapshots = [contents(store)], [store.snapshot()]
        self.ravaged(store, one)
        states.append(contents(store))
        snapshots.append(store.snapshot())
        for turn in (0, 1, 1, 0):
            store.restore(snapshots[turn])
            assert contents(store) == states[turn]

    def test_a_restore_does_not_reach_into_a_fork(self, store):
        """A fork keeps what it had when the store that it came from goes back."""
        snapshot = store.snapshot()
        self.filled(store)
        fork, before = store.fork(), contents(store)
        store.restore(snapshot)
        assert A not in store.names()
        assert contents(fork) == before

    def test_a_state_that_was_read_is_not_changed_by_a_copy(self, store):
        """A snapshot's state is never changed in place by the store that goes on."""
        self.filled(store)
        snapshot = store.snapshot()
        held = snapshot.repositories[A]
        known = (dict(held.tags), set(held.blobs), set(held.manifests))
        image(store, A, "more", ["v9"])
        assert (dict(held.tags), set(held.blobs), set(held.manifests)) == known

    def test_a_deleted_blob_is_still_read_by_who_holds_it(self, store):
        """A handle in a fork gives its bytes after the store deleted the blob, and got it again."""
        digest = push(store, A, b"one")
        fork = store.fork()
        store.delete_blob(A, digest)
        assert read(fork.blob(A, digest)) == b"one"
        push(store, A, b"one")
        store.delete_blob(A, digest)
        assert hashlib.sha256(read(fork.blob(A, digest))).hexdigest() == digest.partition(":")[2]

    def test_close_may_be_repeated(self, store):
        """Closing twice is harmless."""
        store.close()
        store.close()
