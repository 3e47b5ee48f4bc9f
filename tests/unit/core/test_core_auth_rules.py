"""The pure rules of auth: lock-out, permissions and reach, codes, tokens, passwords."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from core.auth import totp
from core.auth.lockout import LONGEST_LOCK, lock_for
from core.auth.model import (
    ROLE_PERMISSIONS,
    Grant,
    Permission,
    Principal,
    Role,
    allows,
    permissions,
    require,
)
from core.auth.passwords import Passwords, check_strength, generate
from core.auth.tokens import Tokens
from core.errors import InvalidInput, NotAllowed, NotSignedIn
from core.ids import UserId, is_id, new_id

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "lock_s"), [(0, None), (4, None), (5, 60), (6, 120), (7, 240), (11, 3600)]
)
def test_each_further_failure_doubles_the_lock(failures: int, lock_s: int | None) -> None:
    lock = lock_for(failures, lock_after=5, first_lock_s=60)
    assert lock == (timedelta(seconds=lock_s) if lock_s else None)


@given(st.integers(0, 10_000))
def test_no_lock_is_longer_than_an_hour(failures: int) -> None:
    """A stranger who keeps guessing must not lock the duty officer out for the night."""
    assert (lock_for(failures, 5, 60) or timedelta()) <= LONGEST_LOCK


def _holder(*grants: Grant) -> Principal:
    return Principal(UserId("u"), "某人", None, grants)


def test_a_grant_reaches_its_subtree_and_nothing_beside_it() -> None:
    official = _holder(Grant(Role.TOWNSHIP_OFFICIAL, "county/t03/"))
    assert allows(official, Permission.INCIDENT_READ, "county/t03/")
    assert allows(official, Permission.INCIDENT_READ, "county/t03/v12/")
    assert not allows(official, Permission.INCIDENT_READ, "county/t04/")
    assert not allows(official, Permission.INCIDENT_READ, "county/")
    assert not allows(official, Permission.INCIDENT_READ, "county/t031/")


def test_a_role_of_one_unit_lends_nothing_to_another() -> None:
    """Duty officer of one township, village reporter of another: no orders in the second."""
    both = _holder(
        Grant(Role.DUTY_OFFICER, "county/t01/"), Grant(Role.VILLAGE_REPORTER, "county/t02/v1/")
    )
    assert allows(both, Permission.INCIDENT_ACTIVATE, "county/t01/")
    assert not allows(both, Permission.INCIDENT_ACTIVATE, "county/t02/v1/")
    require(both, Permission.INCIDENT_ACTIVATE)
    with pytest.raises(NotAllowed, match=r"incident\.activate"):
        require(both, Permission.INCIDENT_ACTIVATE, "county/t02/v1/")


def test_every_role_has_its_permissions_and_none_holds_those_that_need_no_role() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    for held in ROLE_PERMISSIONS.values():
        assert not held & {Permission.PUBLIC, Permission.SIGNED_IN}


def test_who_administers_the_machine_reads_no_audit_and_activates_nothing() -> None:
    admin = permissions(_holder(Grant(Role.ADMIN, "county/")))
    assert Permission.AUDIT_READ not in admin
    assert Permission.INCIDENT_ACTIVATE not in admin


def test_a_one_time_code_is_good_once() -> None:
    secret = totp.new_secret()
    code = pyotp.TOTP(secret).at(int(NOW.timestamp()))
    step = totp.matching_step(secret, code, NOW, last_step=0)
    assert step is not None
    assert totp.matching_step(secret, code, NOW, last_step=step) is None


@pytest.mark.parametrize(("off_s", "fits"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_phone_may_be_half_a_minute_off(off_s: int, fits: bool) -> None:
    secret = totp.new_secret()
    code = pyotp.TOTP(secret).at(int(NOW.timestamp()) + off_s)
    assert (totp.matching_step(secret, code, NOW, last_step=0) is not None) is fits


def test_rfc_6238_appendix_b() -> None:
    """T = 59 s, secret 12345678901234567890: …287082 (the last six digits)."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    at = datetime.fromtimestamp(59, UTC)
    assert totp.matching_step(secret, "287082", at, last_step=0) == 1


def test_a_cookie_of_another_key_is_refused_without_asking_the_database() -> None:
    ours, theirs = Tokens(b"a" * 32), Tokens(b"b" * 32)
    cookie, token_hash = ours.new_session()
    assert ours.session_hash(cookie) == token_hash
    for forged in (theirs.new_session()[0], cookie[:-1] + "_", "", ".", "x.y", "没有.签名"):
        with pytest.raises(NotSignedIn):
            ours.session_hash(forged)


def test_a_csrf_value_belongs_to_one_session() -> None:
    tokens = Tokens(b"a" * 32)
    assert tokens.is_csrf("s1", tokens.csrf("s1"))
    assert not tokens.is_csrf("s2", tokens.csrf("s1"))
    assert not tokens.is_csrf("s1", "")


def test_a_sealed_secret_opens_with_its_key_only() -> None:
    sealed = Tokens(b"a" * 32).seal("JBSWY3DP")
    assert "JBSWY3DP" not in sealed
    assert Tokens(b"a" * 32).unseal(sealed) == "JBSWY3DP"
    assert Tokens(b"b" * 32).unseal(sealed) is None


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "wang.fang-2026", "x" * 201])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as fault:
        check_strength(password, 10, "wang.fang")
    assert fault.value.field == "password"


def test_a_chinese_sentence_is_a_good_password() -> None:
    check_strength("汛期值班不离岗一刻钟", 10, "wang.fang")


def test_generated_passwords_are_strong_and_differ() -> None:
    made = {generate() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_strength(password, 10, "admin")


async def test_a_hash_fits_its_password_only() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    try:
        encoded = await passwords.hash("烽火连三月")
        assert encoded.startswith("$argon2id$")
        assert await passwords.verify(encoded, "烽火连三月")
        assert not await passwords.verify(encoded, "烽火连三年")
        assert not await passwords.verify("garbage", "烽火连三月")
        assert not await passwords.verify(None, "烽火连三月")
    finally:
        passwords.close()


class Counting(PasswordHasher):
    """Counts what takes its time."""

    hashes = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashes += 1
        return super().hash(password, salt=salt)


async def test_an_unknown_user_takes_a_hash_and_a_start_takes_none() -> None:
    hasher = Counting(time_cost=1, memory_cost=64, parallelism=1)
    passwords = Passwords(hasher)
    try:
        assert hasher.hashes == 0
        assert not await passwords.verify(None, "烽火连三月")
        assert hasher.hashes == 1
    finally:
        passwords.close()


def test_ids_sort_by_time_and_have_the_form_of_ids() -> None:
    made = [new_id() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(len(one) == 26 and is_id(one) for one in made)
    assert not is_id("a/b")
    assert not is_id("")
