from cyberhost_cli.config import store


def test_own_presets_come_first(tmp_path, monkeypatch):
    shipped = store.files()["demo"]
    (tmp_path / "demo.yaml").write_text("extends: base\n", encoding="utf-8")
    (tmp_path / "mine.yml").write_text("extends: demo\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a preset", encoding="utf-8")
    monkeypatch.setenv("CYBERHOST_PRESETS", str(tmp_path))
    found = store.files()
    assert found["demo"] == tmp_path / "demo.yaml" != shipped
    assert found["mine"] == tmp_path / "mine.yml"
    assert found["base"] == shipped.parent / "base.yaml"
    assert "notes" not in found
    assert store.find("mine") == tmp_path / "mine.yml"


def test_a_folder_that_is_not_there_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("CYBERHOST_PRESETS", str(tmp_path / "nowhere"))
    assert "demo" in store.files()
