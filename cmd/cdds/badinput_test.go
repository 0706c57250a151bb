package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// TestBadJobs sends jobs that break a rule: each answer is 4xx, problem+json,
// and names the field.
func TestBadJobs(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "20", "--contacts", "5")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	daily := func(changes object) object {
		body := object{"kind": "daily", "every": 1, "at": "02:00"}
		for k, v := range changes {
			body[k] = v
		}
		return object{"schedule": body}
	}
	for name, test := range map[string]struct {
		changes object
		field   string
	}{
		"unknown key":                  {object{"titel": "x"}, "titel"},
		"unknown key inside":           {daily(object{"weekdays": "monday"}), "schedule.weekdays"},
		"wrong type":                   {object{"title": 5}, "title"},
		"wrong type inside":            {daily(object{"every": "often"}), "schedule.every"},
		"empty title":                  {object{"title": ""}, "title"},
		"blank title":                  {object{"title": "   "}, "title"},
		"long title":                   {object{"title": strings.Repeat("x", 10000)}, "title"},
		"long description":             {object{"description": strings.Repeat("x", 2001)}, "description"},
		"end before start":             {object{"timeframe": object{"kind": "fixed", "start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}, "timeframe.end"},
		"fixed without end":            {object{"timeframe": object{"kind": "fixed", "start": "2026-02-01T00:00:00Z"}}, "timeframe.end"},
		"N = 0":                        {object{"schedule": object{"kind": "hourly", "every": 0}}, "schedule.every"},
		"N = 25":                       {object{"schedule": object{"kind": "hourly", "every": 25}}, "schedule.every"},
		"Thuesday":                     {object{"schedule": object{"kind": "weekly", "weekday": "Thuesday", "at": "02:00"}}, "schedule.weekday"},
		"25 o'clock":                   {daily(object{"at": "25:00"}), "schedule.at"},
		"no time of day":               {object{"schedule": object{"kind": "daily", "every": 1}}, "schedule.at"},
		"day 32":                       {object{"schedule": object{"kind": "monthly", "day": 32, "at": "02:00"}}, "schedule.day"},
		"key of another kind":          {object{"schedule": object{"kind": "hourly", "every": 4, "weekday": "monday"}}, "schedule.weekday"},
		"unknown zone":                 {daily(object{"timeZone": "Europe/Atlantis"}), "schedule.timeZone"},
		"unknown kind":                 {object{"schedule": object{"kind": "yearly"}}, "schedule.kind"},
		"start in the past":            {object{"schedule": object{"kind": "once", "startAt": "2001-01-01T00:00:00Z"}}, "schedule.startAt"},
		"no instant":                   {object{"schedule": object{"kind": "once", "startAt": "tomorrow"}}, "schedule.startAt"},
		"split size 0":                 {object{"splitSize": 0}, "splitSize"},
		"split size 1":                 {object{"splitSize": 1}, "splitSize"},
		"no media types":               {object{"mediaTypes": []string{}}, "mediaTypes"},
		"media types of contacts":      {object{"type": "contact", "mediaTypes": []string{"chat"}}, "mediaTypes"},
		"info_mart":                    {object{"source": "info_mart"}, "source"},
		"unknown source":               {object{"source": "oracle"}, "source"},
		"unknown type":                 {object{"type": "call"}, "type"},
		"compression unknown":          {object{"compression": "best"}, "compression"},
		"settling of a year":           {object{"settlingMinutes": 500000}, "settlingMinutes"},
		"unknown date field":           {object{"timeframe": object{"kind": "all", "by": "endDate"}}, "timeframe.by"},
		"title with control character": {object{"title": "a\u0007b"}, "title"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &client{t, c.base, c.http}
			for _, path := range []string{"/jobs", "/jobs/preview"} {
				p := c.fails(422, "POST", path, jobBody(test.changes))
				found := false
				for _, e := range p.Errors {
					found = found || e.Field == test.field && e.Message != ""
				}
				if !found || p.Code != "invalid" {
					t.Errorf("%s: %+v does not name %s", path, p, test.field)
				}
			}
		})
	}
	t.Run("info_mart says why", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		p := c.fails(422, "POST", "/jobs", jobBody(object{"source": "info_mart"}))
		if !strings.Contains(p.Errors[0].Message, "not supported") {
			t.Errorf("%+v", p)
		}
	})
	t.Run("no JSON", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		for _, body := range []string{"", "{", "[]", "null", `"x"`, strings.Repeat("[", 100000)} {
			status, header, text := c.do("POST", "/jobs", json.RawMessage(body), nil)
			if status < 400 || status >= 500 || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%.20q gave %d %s", body, status, text)
			}
		}
	})
	t.Run("lists", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		for _, path := range []string{"/jobs?sort=size", "/jobs?limit=0", "/jobs?limit=501", "/jobs?cursor=x", "/jobs?state=paused", "/runs?state=done", "/runs?sort=x",
			"/artifacts?type=call", "/artifacts?cursor=%00", "/jobs?nonsense=1"} {
			c.fails(422, "GET", path, nil)
		}
		for _, path := range []string{"/jobs/x", "/runs/x", "/runs/x/manifest", "/artifacts/x", "/artifacts/x/content", "/schemas/x"} {
			c.fails(404, "GET", path, nil)
		}
	})
	var jobs list[jobAnswer]
	c.ok("GET", "/jobs", nil, &jobs)
	if jobs.Total != 0 {
		t.Fatalf("%d jobs were saved", jobs.Total)
	}
}

// TestBadCertificates sends what is no usable certificate: each refusal says
// which rule it broke, and the good one stays.
func TestBadCertificates(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "20", "--contacts", "5")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	now := time.Now()
	valid := func(tpl x509.Certificate) x509.Certificate {
		tpl.SerialNumber, tpl.Subject = big.NewInt(7), pkix.Name{CommonName: "test"}
		if tpl.NotAfter.IsZero() {
			tpl.NotBefore, tpl.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		}
		return tpl
	}
	for name, test := range map[string]struct {
		body []byte
		says string
	}{
		"private key":   {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), "private key"},
		"expired":       {selfSigned(t, valid(x509.Certificate{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)}), &key.PublicKey, key), "expired"},
		"not yet valid": {selfSigned(t, valid(x509.Certificate{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)}), &key.PublicKey, key), "not valid before"},
		"RSA 1024":      {selfSigned(t, valid(x509.Certificate{}), &short.PublicKey, key), "2048"},
		"EC":            {selfSigned(t, valid(x509.Certificate{}), &curve.PublicKey, key), "RSA"},
		"signing only":  {selfSigned(t, valid(x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}), &key.PublicKey, key), "key encipherment"},
		"garbage":       {[]byte("this is no certificate"), "no X.509"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &client{t, c.base, c.http}
			p := c.fails(422, "PUT", "/me/certificate", test.body)
			if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, test.says) || !strings.Contains(p.Hint, "openssl req") {
				t.Errorf("%+v does not say %q", p, test.says)
			}
		})
	}
	t.Run("10 MB", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		status, header, _ := c.do("PUT", "/me/certificate", bytes.Repeat([]byte("x"), 10<<20), nil)
		if status != 413 || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("status %d", status)
		}
	})
	if strings.Contains(s.log.String(), "PRIVATE KEY") {
		t.Error("a private key is in the log")
	}
	var me struct{ Certificate struct{ Subject string } }
	c.ok("GET", "/me", nil, &me)
	if me.Certificate.Subject != "CN=CDDS sample user" {
		t.Errorf("the certificate is now %q", me.Certificate.Subject)
	}
	// Without a certificate no job with a run to come can be saved.
	c.ok("DELETE", "/me/certificate", nil, nil)
	c.fails(409, "POST", "/jobs", jobBody(nil))
	c.ok("PUT", "/me/certificate", selfSigned(t, valid(x509.Certificate{KeyUsage: x509.KeyUsageKeyEncipherment}), &key.PublicKey, key), nil)
	finished(t, c.export(nil))
}

// selfSigned makes a certificate in PEM form.
func selfSigned(t testing.TB, template x509.Certificate, public any, signer *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, signer)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
