# Copies each log that has grown too large to a numbered file and empties it, again and again.
# A program that writes a log holds it open, so it can't be renamed. What is written while a copy ends may be lost.
# A log that can't be copied, such as on a full disk, is emptied all the same: better a log is lost than the node.
# settings.json beside this file: files, maximum_bytes, copies (0: only emptied), interval_seconds.

$ErrorActionPreference = 'Stop'
$settings = Get-Content -Raw -LiteralPath (Join-Path $PSScriptRoot 'settings.json') | ConvertFrom-Json

function Save-Copy([IO.FileStream] $Log, [string] $Path) {
    # A copy that fails leaves the older ones as they are, and nothing of itself.
    $unfinished = "$Path.copy"
    try {
        $copy = [IO.File]::Create($unfinished)
        try { $Log.CopyTo($copy) } finally { $copy.Dispose() }
        for ($number = $settings.copies; $number -gt 1; $number--) {
            $newer = "$Path.$($number - 1)"
            if (Test-Path -LiteralPath $newer) { Move-Item -LiteralPath $newer -Destination "$Path.$number" -Force }
        }
        Move-Item -LiteralPath $unfinished -Destination "$Path.1" -Force
    } catch {
        Remove-Item -LiteralPath $unfinished -Force -ErrorAction SilentlyContinue
        throw
    }
}

function Limit-Log([string] $Path) {
    # Whoever writes it goes on meanwhile: it has to be let read, write and delete.
    $log = [IO.FileStream]::new($Path, 'Open', 'ReadWrite', 'ReadWrite, Delete')
    try {
        if ($log.Length -le $settings.maximum_bytes) { return }
        $length = $log.Length
        $outcome = "rotated at $length bytes"
        if ($settings.copies -gt 0) {
            try { Save-Copy $log $Path } catch { $outcome = "emptied at $length bytes, which are lost, for: $_" }
        }
        $log.SetLength(0)
        Write-Output "${Path}: $outcome"
    } finally { $log.Dispose() }
}

while ($true) {
    foreach ($file in $settings.files) {
        try {
            if (Test-Path -LiteralPath $file) { Limit-Log $file }
        } catch { Write-Output "${file}: $_" }
    }
    Start-Sleep -Seconds $settings.interval_seconds
}
