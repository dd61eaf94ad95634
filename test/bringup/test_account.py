"""Every frame of a session is accounted for, in bounded memory."""

from emotion_bringup.session import account as account_module
from emotion_bringup.session.account import Account


def test_counts_what_was_published_and_not_answered():
    account = Account()
    for stamp in (10, 20, 30):
        account.publish(stamp)
    account.answer(20)
    assert (account.published, account.missing) == (3, 2)


def test_latency_counts_from_the_publication_not_from_the_stamp():
    times = iter([100.0, 100.25])
    account = Account(clock=lambda: next(times))
    account.publish(1)
    assert account.answer(1) == 250.0


def test_an_answer_may_overtake_its_camera_info():
    account = Account()
    assert account.answer(1) is None
    account.publish(1)
    assert (account.published, account.missing) == (1, 0)


def test_a_long_live_session_remembers_a_bounded_number(monkeypatch):
    monkeypatch.setattr(account_module, '_MAX_OPEN', 100)
    account = Account()
    for stamp in range(1000):
        account.publish(stamp)
    assert (account.published, account.missing) == (1000, 100)
