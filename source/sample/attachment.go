package sample

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// attachment is one document of an interaction.
type attachment struct {
	id, name, mimeType, description string
	content                         []byte
}

// newAttachments makes one to three documents of half a KiB to 60 KiB, small
// ones more often than large ones.
func (t *thread) newAttachments() ([]attachment, error) {
	var list []attachment
	for range pick(t.r, []int{1, 1, 1, 1, 2, 2, 3}) {
		size := 512 << min(t.r.IntN(7), t.r.IntN(8))
		size = min(size+t.r.IntN(size), 60<<10)
		a := attachment{id: t.g.id('D', t.g.files)}
		t.g.files++
		var err error
		switch t.r.IntN(3) {
		case 0:
			a.name, a.mimeType = t.facts["invoice"]+".pdf", "application/pdf"
			a.content = letter(t.letterLines(size))
		case 1:
			a.name, a.mimeType, a.description = "IMG_"+digits(t.r, "####")+".png", "image/png", t.facts["code"]
			a.content, err = photo(t.r, size)
		default: // with a name in the language of the customer
			a.name, a.mimeType = t.contact.last.native+" "+t.facts["order"]+".txt", "text/plain; charset=utf-8"
			a.content = t.routerLog(size)
		}
		if err != nil {
			return nil, fmt.Errorf("attachment %s: %w", a.id, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// letterLines returns about size bytes of an itemised invoice.
func (t *thread) letterLines(size int) []string {
	lines := []string{"Lindenstrom", "Invoice " + t.facts["invoice"], "Account " + t.contact.account, ""}
	for n := 700; n < size; n += 52 {
		lines = append(lines, fmt.Sprintf("%s  %-16s %6d.%02d kWh", t.at.AddDate(0, 0, -len(lines)).Format("2006-01-02"), t.product, t.r.IntN(90), t.r.IntN(100)))
	}
	return append(lines, "", "Thank you.")
}

// routerLog returns about size bytes of the log of a home router, newest line
// first.
func (t *thread) routerLog(size int) []byte {
	var log bytes.Buffer
	for at := t.at; log.Len() < size; at = at.Add(-time.Duration(t.r.IntN(600_000)) * time.Millisecond) {
		event := pick(t.r, []string{"link down", "link up", "sync 250.0/40.0 Mbit/s", "authentication failed " + t.facts["code"], "lease renewed", "loss 38 dB"})
		fmt.Fprintf(&log, "%s %s: %s\n", at.Format("2006-01-02 15:04:05.000"), t.product, event)
	}
	return log.Bytes()
}

// letter returns a PDF with the lines of ASCII text.
func letter(lines []string) []byte {
	inString := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`)
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"}
	var pages strings.Builder
	count := 0
	for page := range slices.Chunk(lines, 75) {
		var text strings.Builder
		for _, line := range page {
			text.WriteString("(" + inString.Replace(line) + ") Tj T*\n")
		}
		content := "BT /F1 9 Tf 10 TL 40 800 Td\n" + text.String() + "ET"
		count++
		fmt.Fprintf(&pages, "%d 0 R ", len(objects)+1)
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", len(objects)+2),
			fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", pages.String(), count)
	return assemble(objects)
}

// assemble writes the numbered objects of a PDF and the table of their places.
func assemble(objects []string) []byte {
	var pdf bytes.Buffer
	var table strings.Builder
	pdf.WriteString("%PDF-1.4\n")
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", pdf.Len())
		fmt.Fprintf(&pdf, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := pdf.Len()
	fmt.Fprintf(&pdf, "xref\n0 %d\n0000000000 65535 f \n%s", len(objects)+1, table.String())
	fmt.Fprintf(&pdf, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return pdf.Bytes()
}

// photo returns a PNG of about size bytes: a soft gradient under the noise of a
// bad camera.
func photo(r *rand.Rand, size int) ([]byte, error) {
	const width = 96
	picture := image.NewGray(image.Rect(0, 0, width, max(size/width, 4)))
	for y := range picture.Rect.Dy() {
		for x := range width {
			picture.SetGray(x, y, color.Gray{Y: uint8(x + r.IntN(64)<<1)})
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	err := encoder.Encode(&out, picture)
	return out.Bytes(), err
}
